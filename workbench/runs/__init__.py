"""Runs: one directory a result, named by the question it answers, resumable at any point.

with open_run(Path("runs"), RunSpec("score-circuitseer", config, inputs)) as run:
    ...
"""

from workbench.runs.events import LastProgress, read_events
from workbench.runs.listing import RunSummary, find_run, list_runs
from workbench.runs.manifest import package_versions, read_manifest
from workbench.runs.run import Run, open_run
from workbench.runs.spec import RunSpec

__all__ = [
    "LastProgress",
    "Run",
    "RunSpec",
    "RunSummary",
    "find_run",
    "list_runs",
    "open_run",
    "package_versions",
    "read_events",
    "read_manifest",
]
