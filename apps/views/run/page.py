"""Run: start a stage, see how far it is, and what has been run."""

from __future__ import annotations

import shlex

import streamlit as st

from apps.jobs.listing import show_jobs
from apps.jobs.plan import show_plan
from apps.reading.workspace import own_root
from apps.views.run.stages import STAGES
from apps.widgets.run_table import show_run_table
from apps.widgets.runs import workspace
from apps.words.guides import show_heading
from apps.words.markdown import literal
from workbench.errors import InputError
from workbench.runs import read_manifest

NO_RUN = "none"


def show_form() -> None:
    """Choose a stage, fill in its form, look at the plan, start it."""
    name = st.segmented_control(
        "Stage",
        list(STAGES),
        default="heads",
        required=True,
        key="stage",
        bind="query-params",
    )
    stage = STAGES[name or "heads"]
    st.caption(stage.what)
    left, right = st.columns([3, 2], gap="large")
    try:
        with left:
            arguments = stage.ask()
            if name != "demo":
                arguments += [f"--runs={own_root().resolve()}"]
    except (InputError, OSError) as err:
        right.info(literal(err), icon=":material/edit:")
        return
    with right:
        st.caption("The command that this form stands for:")
        st.code(shlex.join(["workbench", *arguments]), language=None, wrap_lines=True)
        show_plan(str(name), stage, arguments)


def show_runs() -> None:
    st.subheader("Finished and broken runs")
    runs = workspace().every()
    if not runs:
        st.caption("No runs yet.")
        return
    show_run_table(runs)
    if any(run.status == "interrupted" for run in workspace().unusable()):
        st.caption("An interrupted run goes on where it stopped when its command is run again.")
    folders = {run.name: run.path for run in runs if run.status != "broken"}
    name = st.selectbox("Manifest of", [NO_RUN, *folders], key="manifest", bind="query-params")
    if name in folders:
        st.json(read_manifest(folders[name]), expanded=1)


show_heading("Run", "run")
st.caption("Each stage is a command in a process of its own: this page may be closed.")
show_form()
show_jobs()
show_runs()
