"""Runs: one directory a result, named by the question it answers, resumable at any point.

answer(Place(Path("runs")), RunSpec("score-loss", {}, {}, "summary.json"), work)
"""

from workbench.runs.answer import READINGS, Finding, Outcome, Place, Task, answer, readings
from workbench.runs.events import LastProgress, read_events
from workbench.runs.facts import (
    FACTS,
    check_same_template,
    keep_facts,
    keep_tokens,
    without_place,
)
from workbench.runs.files import TableStream
from workbench.runs.listing import RunSummary, find_run, list_runs
from workbench.runs.manifest import (
    MANIFEST,
    SEAL,
    is_refused,
    located,
    package_versions,
    read_manifest,
    sealed,
)
from workbench.runs.run import Run, open_run
from workbench.runs.spec import RunSpec
from workbench.runs.written import check_run

__all__ = [
    "FACTS",
    "MANIFEST",
    "READINGS",
    "SEAL",
    "Finding",
    "LastProgress",
    "Outcome",
    "Place",
    "Run",
    "RunSpec",
    "RunSummary",
    "TableStream",
    "Task",
    "answer",
    "check_run",
    "check_same_template",
    "find_run",
    "is_refused",
    "keep_facts",
    "keep_tokens",
    "list_runs",
    "located",
    "open_run",
    "package_versions",
    "read_events",
    "read_manifest",
    "readings",
    "sealed",
    "without_place",
]
