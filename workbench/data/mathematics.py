"""Are two answers the same mathematics? math-verify, in a process of its own that has its time.

Some comparisons would take years (`(a+b+c+d+e)^{99}`), and no limit that Python keeps by itself
ends all of them: a signal needs the main thread, and waits until integers are multiplied. So one
process compares for all calls, and ends itself over a pair that takes longer than SECONDS; the
next call starts another. It ends with the process that asked.

    same_mathematics(r"2\\sqrt{3}", r"\\sqrt{12}")       # True
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import threading
from functools import lru_cache
from json import dumps
from pathlib import Path

from workbench.errors import InputError

SECONDS = 10.0
_PROGRAM = Path(__file__).with_name("comparer.py")


@lru_cache(maxsize=4096)
def same_mathematics(found: str, right: str) -> bool:
    """Whether math-verify takes `found` for `right`; False where it takes too long over them.

    Raises InputError where the package is installed and does not start.
    """
    return _comparer(os.getpid()).same(found, right)


@lru_cache(maxsize=1)
def _comparer(process_id: int) -> _Comparer:
    """The one of this process: one that was forked does not share its parent's."""
    return _Comparer()


class _Comparer:
    """The process that compares, started anew where it has ended over a pair."""

    def __init__(self) -> None:
        self._one_at_a_time = threading.Lock()
        self._process = _started()
        atexit.register(self._end)

    def same(self, found: str, right: str) -> bool:
        with self._one_at_a_time:
            if self._process.poll() is not None:
                self._process = _started()
            said = ""
            try:
                said = _said(self._process, dumps([found, right]) + "\n")
            finally:
                # Neither an answer that came too late nor one half read is the next pair's.
                if not said:
                    self._end()
            return said == "True"

    def _end(self) -> None:
        self._process.kill()
        self._process.communicate()


def _started() -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [sys.executable, "-P", str(_PROGRAM), str(SECONDS)],
        stdin=pipe,
        stdout=pipe,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    )
    if not _said(process, ""):
        process.communicate()
        raise InputError(
            "the package math-verify is installed, and does not start",
            do="install it anew: pip install --force-reinstall math-verify",
        )
    return process


def _said(process: subprocess.Popen[str], line: str) -> str:
    """What the process says to a line; "" where it has ended."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(line)
        process.stdin.flush()
    except BrokenPipeError:
        return ""
    return process.stdout.readline().strip()
