"""The runs that every page looks at: the reader's own, and behind them those that come along.

That is the demo of the bundled model and, where an installation has one, a tour of a pretrained
model; they are marked, so that no page is ever empty and no result hides another.

runs = open_workspace()
runs.finished("score"), runs.children(scores, "select")
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from apps.reading.roots import is_there, roots
from apps.reading.runs import FoundRun, finished_in, runs_in
from workbench.bundled import bundled_dir
from workbench.catalog import here
from workbench.runs import RunSummary

DEFAULT_ROOTS = (Path("runs"), Path("demo/runs"))
DEMO = "demo"
# Attention on some samples, kept with a run: `apps.reading.kept_samples` reads it.
KEPT = "attention.parquet"
BUNDLED = ("tour_runs", "demo_runs")
UNUSABLE = ("broken", "failed", "interrupted")


def own_root() -> Path:
    """`WORKBENCH_RUNS`, as `workbench app --runs` sets it, else the first default that exists."""
    given = os.environ.get("WORKBENCH_RUNS")
    if given:
        return Path(given)
    return next((path for path in DEFAULT_ROOTS if path.is_dir()), DEFAULT_ROOTS[0])


def demo_roots() -> tuple[Path, ...]:
    """The runs that come with the installation, of a pretrained model first."""
    folders = [bundled_dir("data") / name for name in BUNDLED]
    return tuple(folder for folder in folders if folder.is_dir())


def allowed_roots() -> tuple[Path, ...]:
    """The folders below which files may be read or written."""
    return roots(own_root())


def ref_of(run: FoundRun) -> str:
    """What names a run on the command line: a run of the demo needs its whole path."""
    return run.name if run.folder.parent == own_root() else str(run.folder)


@dataclass(frozen=True)
class Workspace:
    """What a session looks at: the reader's own runs, and the `demos` that come along."""

    own: Path
    demos: tuple[Path, ...] = ()

    def every(self) -> list[RunSummary]:
        """All runs, the reader's own first, each newest first."""
        return [run for root in (self.own, *self.demos) for run in runs_in(root)]

    def origin(self, run: RunSummary) -> str:
        """`demo` for a run that came along, empty for one of the reader's own."""
        return DEMO if run.path.parent in self.demos else ""

    def unusable(self) -> list[RunSummary]:
        """Runs without a result that nobody is working on, each with its reason."""
        return [run for run in self.every() if run.status in UNUSABLE]

    def finished(self, stage: str) -> list[FoundRun]:
        """Finished runs of `stage` (heads, validate, score, select), own ones first, newest first.

        What the demo asked and the reader has asked again stands once, as the reader's own.
        """
        own = _of_stage(self.own, stage)
        names = {run.name for run in own}
        beside = [run for demo in self.demos for run in _of_stage(demo, stage)]
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


def is_here(name: str) -> bool:
    """Whether the model `name` can be loaded with nothing fetched."""
    return name in here() or is_there(name)


def ready_first(runs: Sequence[FoundRun]) -> list[FoundRun]:
    """In the same order, but those that came along behind all others if they need a model for
    everything that they show, and it is not here."""

    def is_behind(run: FoundRun) -> bool:
        return bool(run.origin) and not is_here(run.model) and not (run.folder / KEPT).is_file()

    return sorted(runs, key=is_behind)


def open_workspace() -> Workspace:
    """The own runs and those that come along, which are not shown twice where they are the own."""
    own = own_root()
    return Workspace(own, tuple(demo for demo in demo_roots() if demo.resolve() != own.resolve()))


def _of_stage(root: Path, stage: str) -> list[FoundRun]:
    return [run for run in finished_in(root) if run.stage.partition("-")[0] == stage]
