"""Try every promise and print what was tried, what held and what failed.

    python -m tests.trust            # all of it: minutes
    python -m tests.trust export     # promises with this word

Ends with 1 if anything failed, or if a promise was not tried at all.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from tests.trust.promises import PROMISES


class Tried(NamedTuple):
    """Tests of one promise; those that were skipped are not counted as tried."""

    held: int
    failed: int

    @property
    def line(self) -> str:
        return f"{self.held + self.failed:>7}{self.held:>7}{self.failed:>8}"


def tried(files: tuple[str, ...]) -> Tried:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files]
        subprocess.run([*command, f"--junitxml={report}"], stdout=sys.stderr, check=False)
        if not report.is_file():
            return Tried(0, 1)
        cases = list(ElementTree.parse(report).iter("testcase"))
    outcomes = [{child.tag for child in case} for case in cases]
    failed = sum(bool(outcome & {"failure", "error"}) for outcome in outcomes)
    skipped = sum("skipped" in outcome for outcome in outcomes)
    return Tried(len(cases) - failed - skipped, failed)


def main(words: list[str]) -> int:
    chosen = {
        promise: files
        for promise, files in PROMISES.items()
        if all(word.lower() in promise.lower() for word in words)
    }
    results = {promise: tried(files) for promise, files in chosen.items()}
    width = max(map(len, ["promise", *results]))
    print(f"{'promise':<{width}}{'tried':>7}{'held':>7}{'failed':>8}")
    for promise, found in results.items():
        print(f"{promise:<{width}}{found.line}")
    whole = results and all(found.held and not found.failed for found in results.values())
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
