"""Memory that a pass has freed is there for the next one."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

N = 60
# 32 MiB are 8,192 pages.
PASSES = f"""
import resource, torch
def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
before = faults()
for _ in range({N}): torch.ones(2**23)
print((faults() - before) / 8192)
"""
CALL = "from workbench.allocator import keep_freed_memory; keep_freed_memory()"


def times_asked(first: str) -> float:
    """How often the system had to find the pages of a tensor anew."""
    command = [sys.executable, "-c", first + PASSES]
    return float(subprocess.run(command, capture_output=True, check=True).stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="not glibc")
def test_freed_memory_is_kept_for_the_next_pass():
    assert times_asked("") > 0.9 * N
    # More than once, where something small came to lie behind it.
    assert times_asked(CALL) < 0.5 * N
