"""The folder of runs that every page looks at: the reader's own, or the bundled demo.

The demo is shown as long as there are no results of one's own, so that no page is ever empty.

runs = open_workspace()
runs.finished("score"), runs.children(scores, "select")
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from apps.reading.roots import roots
from apps.reading.runs import FoundRun, finished_in, runs_in
from workbench.bundled import bundled_dir
from workbench.runs import RunSummary

DEFAULT_ROOTS = (Path("runs"), Path("demo/runs"))
RESULT_STAGES = ("heads", "score", "amplify")
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


def has_own_results() -> bool:
    """Whether the reader's own folder holds a finished circuit, scores or amplification."""
    return any(
        run.status == "finished" and run.stage.partition("-")[0] in RESULT_STAGES
        for run in runs_in(own_root())
    )


def ref_of(run: FoundRun) -> str:
    """What names a run on the command line: a run of the demo needs its whole path."""
    return run.name if run.folder.parent == own_root() else str(run.folder)


@dataclass(frozen=True)
class Workspace:
    """What one session looks at: its own runs, or the `demo` with what was built on it."""

    own: Path
    demo: Path | None = None

    def every(self) -> list[RunSummary]:
        """All runs of the folder that is shown, newest first."""
        return runs_in(self.demo or self.own)

    def unusable(self) -> list[RunSummary]:
        """Runs without a result that nobody is working on, each with its reason."""
        return [run for run in self.every() if run.status in UNUSABLE]

    def finished(self, stage: str) -> list[FoundRun]:
        """Finished runs of `stage` (heads, validate, score, select), newest first.

        Beside the demo also the runs that its reader has built on it, which lie in the own folder.
        """
        found = _of_stage(self.demo or self.own, stage)
        if self.demo is None:
            return found
        names = {run.name for run in finished_in(self.demo)}
        own = _of_stage(self.own, stage)
        return [run for run in own if names & set(run.manifest["parents"])] + found

    def children(self, parent: FoundRun, stage: str) -> list[FoundRun]:
        """Every finished run of `stage` that read `parent`, newest first."""
        return [run for run in self.finished(stage) if parent.name in run.manifest["parents"]]

    def child(self, parent: FoundRun, stage: str) -> FoundRun | None:
        """The newest finished run of `stage` that read `parent`."""
        return next(iter(self.children(parent, stage)), None)

    def parent(self, run: FoundRun, stage: str) -> FoundRun | None:
        """The run of `stage` that `run` read, if it is still there."""
        return next((r for r in self.finished(stage) if r.name in run.manifest["parents"]), None)


def open_workspace(*, wants_demo: bool = False) -> Workspace:
    """The demo by choice, or because there is nothing else."""
    shows_demo = wants_demo or not has_own_results()
    return Workspace(own_root(), demo_root() if shows_demo else None)


def _of_stage(root: Path, stage: str) -> list[FoundRun]:
    return [run for run in finished_in(root) if run.stage.partition("-")[0] == stage]
