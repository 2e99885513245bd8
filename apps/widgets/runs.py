"""Which run a page shows: a box in the sidebar, or the empty state that names what is missing.

run = choose_run("score", label="Scores", key="scores")
workspace().parent(run, "heads")
"""

from __future__ import annotations

import streamlit as st

from apps.jobs.commands import DEMO, next_command
from apps.reading.runs import FoundRun
from apps.reading.workspace import Workspace, open_workspace, own_root, ready_first, ref_of
from apps.widgets.addressed import choose_addressed
from apps.words.markdown import literal

MISSING = {"heads": "circuit", "score": "scores", "validate": "validation", "select": "selection"}


def workspace() -> Workspace:
    """The runs that there are."""
    return open_workspace()


def choose_run(
    stage: str, *, label: str, key: str, only: str = "", loads_model: bool = False
) -> FoundRun:
    """A box in the sidebar, kept in the page's address; without any such run the page ends here.

    `only` narrows to one full stage, such as `score-air`; a page that loads the run's model opens
    on one whose model is here.
    """
    runs = [run for run in workspace().finished(stage) if only in ("", run.stage)]
    runs = ready_first(runs) if loads_model else runs
    if not runs:
        say_what_is_missing(stage, only)
        st.stop()
    titles = {run.title: run for run in runs}
    with st.sidebar:
        title = choose_addressed(label, list(titles), key=key, help="The newest stands first.")
    run = titles[title]
    with st.sidebar:
        st.caption(literal(f"{run.created[:16].replace('T', ' ')} UTC"))
        if run.title != run.name:
            st.text(run.name)
        if runs[0].origin:
            _offer_start("None of your own yet: start one", stage, only)
    return run


def say_what_is_missing(stage: str, only: str = "") -> None:
    """The designed empty state: what is missing, why, and what makes it."""
    method = only.partition("-")[2]
    missing = f"{MISSING.get(stage, stage)}{f' by the method {method}' if method else ''}"
    st.info(f"No {missing} here yet.", icon=":material/inbox:")
    circuits = workspace().finished("heads")
    if not circuits:
        st.markdown("Run the whole chain on the bundled model and data (minutes on two cores):")
        st.code(DEMO, language="bash")
        st.caption("Then open the workbench on its runs:")
        st.code("workbench app --runs demo/runs", language="bash")
        st.page_link("views/run/page.py", label="Or start it here", icon=":material/play_arrow:")
        return
    st.markdown("Make it with:")
    newest = circuits[0]
    command = next_command(
        stage, root=own_root(), model=newest.model, parent=ref_of(newest), method=method
    )
    st.code(command, language="bash")
    _offer_start("Or start it here", stage, only)


def _offer_start(label: str, stage: str, only: str) -> None:
    """The way to the form of the stage."""
    method = only.partition("-")[2] if stage == "score" else ""
    st.page_link(
        "views/run/page.py",
        label=label,
        icon=":material/play_arrow:",
        query_params={"stage": stage, **({"method": method} if method else {})},
    )
