"""The program that compares pair after pair with math-verify, started by `mathematics.py`.

It reads a pair a line, as JSON, and writes True or False a line, after a first line that says that
it is ready. A pair that takes longer than its seconds ends it: the watchdog is a thread of C that
no computation holds up. It imports nothing of the workbench.

    echo '["1 + x", "x + 1"]' | python -P workbench/data/comparer.py 10
"""

from __future__ import annotations

import faulthandler
import json
import signal
import sys


def compare_for_ever(seconds: float) -> None:
    """Answer every line of stdin on stdout; what math-verify says meanwhile goes to stderr."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    from math_verify import parse, verify

    answers, sys.stdout = sys.stdout, sys.stderr
    answers.write("ready\n")
    answers.flush()
    for line in sys.stdin:
        faulthandler.dump_traceback_later(seconds, exit=True)
        found, right = (parse(f"${t}$", parsing_timeout=None) for t in json.loads(line))  # type: ignore
        same = bool(found and right) and verify(
            right, found, float_rounding=10, allow_set_relation_comp=True, timeout_seconds=None
        )
        faulthandler.cancel_dump_traceback_later()
        answers.write(f"{same}\n")
        answers.flush()


if __name__ == "__main__":
    compare_for_ever(float(sys.argv[1]))
