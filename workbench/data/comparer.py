"""The program that compares pair after pair with math-verify, started by `mathematics.py`.

It reads a pair a line, as JSON, and writes True or False a line, after a first line that says that
it is ready. A pair that takes longer than its seconds ends it: the watchdog is a thread of C that
no computation holds up. It imports nothing of the workbench.

    same('["1 + x", "x + 1"]')      # True
"""

from __future__ import annotations

import faulthandler
import json
import signal
import sys
from typing import TextIO


def compare_for_ever(seconds: float) -> None:
    """Answer every line of stdin on stdout; what math-verify says meanwhile goes to stderr."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import math_verify  # noqa: F401 - before the first pair, whose time it would take

    answers, sys.stdout = sys.stdout, sys.stderr
    _say("ready", answers)
    for line in sys.stdin:
        faulthandler.dump_traceback_later(seconds, exit=True)
        answer = same(line)
        faulthandler.cancel_dump_traceback_later()
        _say(answer, answers)


def same(line: str) -> bool:
    """Whether the two answers of a line, found and right, are the same mathematics."""
    from math_verify import parse, verify

    found, right = (parse(f"${text}$", parsing_timeout=None) for text in json.loads(line))  # type: ignore
    return bool(found and right) and verify(
        right, found, float_rounding=10, allow_set_relation_comp=True, timeout_seconds=None
    )


def _say(what: str | bool, answers: TextIO) -> None:
    answers.write(f"{what}\n")
    answers.flush()


if __name__ == "__main__":
    compare_for_ever(float(sys.argv[1]))
