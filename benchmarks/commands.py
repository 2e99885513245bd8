"""How long a person waits for `workbench --help` and `workbench heads show`."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.machine import ROOT
from benchmarks.measure import Measured, Settings


def help_text(settings: Settings) -> Measured:
    return _seconds(settings, ["--help"])


def heads_show(settings: Settings) -> Measured:
    """The finished demo's heads."""
    found = sorted((ROOT / "data" / "demo_runs").glob("heads-*/heads.json"))
    if not found:
        return Measured(None, why_not="there is no finished demo in data/demo_runs")
    return _seconds(settings, ["heads", "show", str(found[0].relative_to(ROOT))])


def _seconds(settings: Settings, arguments: list[str]) -> Measured:
    """The median over the runs, after one that fills the system's file cache."""
    program = [str(Path(sys.executable).with_name("workbench")), *arguments]
    taken = [_run(program) for _ in range(settings.runs + 1)][1:]
    medians = {clock: statistics.median(each[clock] for each in taken) for clock in ("cpu", "wall")}
    return Measured(medians[settings.clock], {"seconds": medians, "command": arguments})


def _run(program: list[str]) -> dict[str, float]:
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(program, cwd=ROOT, capture_output=True, check=True)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu": cpu, "wall": wall}
