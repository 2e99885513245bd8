"""The process that `workbench` sets up before a command runs."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="not glibc")
def test_freed_memory_is_kept_for_the_next_pass():
    code = (
        "import resource, torch\n{}\n"
        "for _ in range(20): torch.ones(2**23)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)"
    )
    call = "from workbench.cli.main import keep_freed_memory; keep_freed_memory()"
    given_back, kept = (
        int(
            subprocess.run(
                [sys.executable, "-c", code.format(line)], capture_output=True, check=True
            ).stdout
        )
        for line in ("", call)
    )
    # 32 MiB are 8,192 pages: met again each time, or once.
    assert given_back - kept > 15 * 8192
