"""The runs that every page looks at: the reader's own, and behind them those of the bundled demo.

The demo is always there, and marked, so that no page is ever empty and no result hides another.

runs = open_workspace()
runs.finished("score"), runs.children(scores, "select")
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from apps.reading.roots import roots
from apps.reading.runs import FoundRun, finished_in, runs_in
from workbench.bundled import bundled_dir
from workbench.runs import RunSummary

DEFAULT_ROOTS = (Path("runs"), Path("demo/runs"))
DEMO = "demo"
UNUSABLE = ("broken", "failed", "interrupted")


def own_root() -> Path:
    """`WORKBENCH_RUNS`, as `workbench app --runs` sets it, else the first default that exists."""
    given = os.environ.get("WORKBENCH_RUNS")
    if given:
        return Path(given)
    return next((path for path in DEFAULT_ROOTS if path.is_dir()), DEFAULT_ROOTS[0])


def demo_root() -> Path | None:
    """The runs that come with the installation."""
    folder = bundled_dir("data") / "demo_runs"
    return folder if folder.is_dir() else None


def allowed_roots() -> tuple[Path, ...]:
    """The folders below which files may be read or written."""
    return roots(own_root())


def ref_of(run: FoundRun) -> str:
    """What names a run on the command line: a run of the demo needs its whole path."""
    return run.name if run.folder.parent == own_root() else str(run.folder)


@dataclass(frozen=True)
class Workspace:
    """What a session looks at: the reader's own runs, and the `demo` where there is one."""

    own: Path
    demo: Path | None = None

    def every(self) -> list[RunSummary]:
        """All runs, the reader's own first, each newest first."""
        return [*runs_in(self.own), *(runs_in(self.demo) if self.demo else [])]

    def origin(self, run: RunSummary) -> str:
        """`demo` for a run that came along, empty for one of the reader's own."""
        return DEMO if run.path.parent == self.demo else ""

    def unusable(self) -> list[RunSummary]:
        """Runs without a result that nobody is working on, each with its reason."""
        return [run for run in self.every() if run.status in UNUSABLE]

    def finished(self, stage: str) -> list[FoundRun]:
        """Finished runs of `stage` (heads, validate, score, select), own ones first, newest first.

        What the demo asked and the reader has asked again stands once, as the reader's own.
        """
        own = _of_stage(self.own, stage)
        names = {run.name for run in own}
        beside = _of_stage(self.demo, stage) if self.demo else []
        return own + [replace(run, origin=DEMO) for run in beside if run.name not in names]

    def children(self, parent: FoundRun, stage: str) -> list[FoundRun]:
        """Every finished run of `stage` that read `parent`, newest first."""
        return [run for run in self.finished(stage) if parent.name in run.manifest["parents"]]

    def child(self, parent: FoundRun, stage: str) -> FoundRun | None:
        """The newest finished run of `stage` that read `parent`."""
        return next(iter(self.children(parent, stage)), None)

    def parent(self, run: FoundRun, stage: str) -> FoundRun | None:
        """The run of `stage` that `run` read, if it is still there."""
        return next((r for r in self.finished(stage) if r.name in run.manifest["parents"]), None)


def open_workspace() -> Workspace:
    """The own runs and the demo, which is not shown twice where it is the folder itself."""
    own, demo = own_root(), demo_root()
    is_demo = demo is not None and own.resolve() == demo.resolve()
    return Workspace(own, None if is_demo else demo)


def _of_stage(root: Path, stage: str) -> list[FoundRun]:
    return [run for run in finished_in(root) if run.stage.partition("-")[0] == stage]
