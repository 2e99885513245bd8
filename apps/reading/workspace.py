"""The folder of runs that every page looks at: the reader's own, or the bundled demo.

The demo is shown as long as there are no results of one's own, so that no page is ever empty.

run = choose_run("score", label="Scores", key="scores")
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import streamlit as st

from apps.jobs.commands import DEMO, next_command
from apps.reading.roots import roots
from workbench.bundled import bundled_dir
from workbench.errors import InputError
from workbench.runs import RunSummary, list_runs, read_manifest

DEFAULT_ROOTS = (Path("runs"), Path("demo/runs"))
OWN, BUNDLED = "mine", "demo"
RESULT_STAGES = ("heads", "score", "amplify")
MISSING = {"heads": "circuit", "score": "scores", "validate": "validation", "select": "selection"}
T = TypeVar("T")


@dataclass(frozen=True)
class FoundRun:
    """A finished run inside the root, with its manifest."""

    name: str
    stage: str
    folder: Path
    result: Path
    created: str
    manifest: Mapping[str, Any]

    @property
    def model(self) -> str:
        return str((self.manifest.get("model") or {}).get("id", ""))

    @property
    def data(self) -> list[str]:
        return [str(name) for name in self.manifest.get("details", {}).get("data", [])]

    @property
    def title(self) -> str:
        """The data or model, what was done with it, and the end of the run's name, unique."""
        names = ", ".join(Path(name).name for name in self.data) or Path(self.model).name
        if not names:
            return self.name
        method = self.stage.partition("-")[2]
        if method == "circuitseer":
            method = str(self.manifest["config"].get("variant", method))
        return " · ".join(filter(None, [names, method, self.name.rpartition("-")[2]]))


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


def has_own_results() -> bool:
    """Whether the reader's own folder holds a finished circuit, scores or amplification."""
    return any(
        run.status == "finished" and run.stage.partition("-")[0] in RESULT_STAGES
        for run in _listed(own_root())
    )


def shows_demo() -> bool:
    """Whether the pages show the bundled demo: by choice, or because there is nothing else."""
    if demo_root() is None:
        return False
    return st.session_state.get("runs") == BUNDLED or not has_own_results()


def runs_root() -> Path:
    """The folder whose runs are shown."""
    demo = demo_root()
    return demo if demo is not None and shows_demo() else own_root()


def allowed_roots() -> tuple[Path, ...]:
    """The folders below which files may be read or written."""
    return roots(own_root())


def ref_of(run: FoundRun) -> str:
    """What names a run on the command line: a run of the demo needs its whole path."""
    return run.name if run.folder.parent == own_root() else str(run.folder)


def every_run() -> list[RunSummary]:
    return _listed(runs_root())


def forget_runs() -> None:
    """Look at the folders again: a page has just changed them."""
    _listed.clear()
    _finished.clear()


@st.cache_resource(ttl=1, max_entries=8, show_spinner=False)
def _listed(root: Path) -> list[RunSummary]:
    return list_runs(root)


def finished_runs(stage: str) -> list[FoundRun]:
    """Finished runs of `stage` (heads, validate, score, select), newest first.

    Beside the demo also the runs that its reader has built on it, which lie in the own folder.
    """
    found = [run for run in _finished(runs_root()) if run.stage.partition("-")[0] == stage]
    if not shows_demo():
        return found
    names = {run.name for run in _finished(runs_root())}
    own = [run for run in _finished(own_root()) if run.stage.partition("-")[0] == stage]
    return [run for run in own if names & set(run.manifest["parents"])] + found


@st.cache_resource(ttl=1, max_entries=8, show_spinner=False)
def _finished(root: Path) -> list[FoundRun]:
    found = []
    for run in _listed(root):
        if run.status != "finished" or run.result is None:
            continue
        # A manifest is a file like any other: the result it names must not lead out of the root.
        if not run.result.resolve().is_relative_to(root.resolve()):
            continue
        manifest = read_manifest(run.path)
        found.append(FoundRun(run.name, run.stage, run.path, run.result, run.created, manifest))
    return found


def child_of(parent: FoundRun, stage: str) -> FoundRun | None:
    """The newest finished run of `stage` that read `parent`."""
    return next(iter(children_of(parent, stage)), None)


def children_of(parent: FoundRun, stage: str) -> list[FoundRun]:
    """Every finished run of `stage` that read `parent`, newest first."""
    return [run for run in finished_runs(stage) if parent.name in run.manifest["parents"]]


def parent_of(run: FoundRun, stage: str) -> FoundRun | None:
    """The run of `stage` that `run` read, if it is still there."""
    return next((r for r in finished_runs(stage) if r.name in run.manifest["parents"]), None)


def choose_run(stage: str, *, label: str, key: str, only: str = "") -> FoundRun:
    """A box in the sidebar, kept in the page's address; without any such run the page ends here.

    `only` narrows to one full stage, such as `score-air`.
    """
    runs = [run for run in finished_runs(stage) if only in ("", run.stage)]
    if not runs:
        say_what_is_missing(stage, only)
        st.stop()
    titles = {run.title: run for run in runs}
    with st.sidebar:
        title = st.selectbox(
            label, list(titles), key=key, bind="query-params", help="The newest stands first."
        )
    run = titles.get(title or "", runs[0])
    with st.sidebar:
        st.caption(f"{run.created[:16].replace('T', ' ')} UTC")
        if run.title != run.name:
            st.text(run.name)
    return run


def say_what_is_missing(stage: str, only: str = "") -> None:
    """The designed empty state: what is missing, why, and what makes it."""
    method = only.partition("-")[2]
    missing = f"{MISSING.get(stage, stage)}{f' by the method {method}' if method else ''}"
    st.info(f"No {missing} here yet.", icon=":material/inbox:")
    circuits = finished_runs("heads")
    if not circuits:
        st.markdown("Run the whole chain on the bundled model and data (minutes on two cores):")
        st.code(DEMO, language="bash")
        st.caption("Then open the workbench on its runs:")
        st.code("workbench app --runs demo/runs", language="bash")
        st.page_link("pages/run/page.py", label="Or start it here", icon=":material/play_arrow:")
        return
    st.markdown("Make it with:")
    newest = circuits[0]
    command = next_command(
        stage, root=own_root(), model=newest.model, parent=ref_of(newest), method=method
    )
    st.code(command, language="bash")
    st.page_link(
        "pages/run/page.py",
        label="Or start it here",
        icon=":material/play_arrow:",
        query_params={"stage": stage, **({"method": method} if method else {})},
    )


def unusable_runs() -> list[RunSummary]:
    """Runs without a result that nobody is working on, each with its reason."""
    return [run for run in every_run() if run.status in ("broken", "failed", "interrupted")]


def load(read: Callable[[Path], T], path: Path) -> T:
    """`read(path)` once a version of the file; a file that cannot be read ends the page in words.

    What comes back is shared by all readers and must not be changed.
    """
    try:
        return _cached(read, read.__qualname__, path, path.stat().st_mtime_ns)
    except (InputError, OSError, ValueError, KeyError) as err:
        st.error(f"This result cannot be read: {err}", icon=":material/broken_image:")
        st.stop()


@st.cache_resource(max_entries=64, show_spinner=False)
def _cached(_read: Callable[[Path], T], name: str, path: Path, changed: int) -> T:
    return _read(path)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file."""
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"{path.name} holds no JSON object")
    return content
