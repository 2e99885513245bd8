"""Overview: where the chain from model to smaller dataset stands, and the next command."""

from __future__ import annotations

import streamlit as st

from apps.jobs.commands import next_command
from apps.jobs.job import Job, every_job
from apps.reading.workspace import own_root
from apps.views.overview.chain import Stage, chain_of
from apps.widgets.run_table import show_run_table
from apps.widgets.runs import choose_run, say_what_is_missing, workspace
from apps.words.guides import show_heading
from apps.words.numbers import WORDS


def active_jobs() -> list[Job]:
    return [job for job in every_job(own_root()) if job.is_active]


def show_card(stage: Stage, number: int) -> None:
    with st.container(border=True, height="stretch", key=f"card-{number}"):
        done = stage.value is not None
        going = next((job for job in active_jobs() if job.stage == stage.run_stage), None)
        if going and not done:
            st.badge(going.status, icon=":material/progress_activity:", color="blue")
        else:
            st.badge(
                "done" if done else "to do",
                icon=":material/check:" if done else ":material/radio_button_unchecked:",
                color="green" if done else "gray",
            )
        st.metric(f"{number} {stage.title}", stage.value or "–", help=WORDS.get(stage.word) or None)
        st.text(stage.note)
        if going and not done:
            st.page_link("views/run/page.py", label="Watch it", icon=":material/visibility:")
        elif done:
            st.page_link(stage.page, label="Look at it", icon=":material/arrow_forward:")
        elif stage.run_stage == "select":
            st.page_link(stage.page, label="Choose rows", icon=":material/filter_alt:")
        else:
            st.page_link(
                "views/run/page.py",
                label="Start it",
                icon=":material/play_arrow:",
                query_params={"stage": stage.run_stage},
            )


def show_next(stages: list[Stage], model: str) -> None:
    missing = next((s for s in stages if s.value is None), None)
    st.subheader("Next step")
    if missing is None:
        st.markdown("The chain is complete. Choose another subset and export it on the next page.")
        st.page_link("views/select/page.py", label="Select & export", icon=":material/filter_alt:")
        return
    st.markdown(missing.why)
    command = next_command(missing.run_stage, root=own_root(), model=model, parent=missing.parent)
    st.code(command, language="bash")


def show_unusable() -> None:
    unusable = workspace().unusable()
    if not unusable:
        return
    with st.expander(f"{len(unusable)} runs cannot be used", icon=":material/warning:"):
        st.caption("An interrupted run goes on where it stopped when its command is run again.")
        for run in unusable:
            st.text(f"{run.name}: {run.status}. {run.reason}")


show_heading("From a model to a smaller dataset", "overview")
st.caption(
    "Which attention heads does the model reason with, do they matter more than chance, "
    "and which samples make them work?"
)
runs = workspace().every()
if workspace().finished("heads"):
    chosen = choose_run("heads", label="Circuit", key="circuit")
    stages = chain_of(chosen, workspace())
    for number, (column, stage) in enumerate(zip(st.columns(5), stages, strict=True), start=1):
        with column:
            show_card(stage, number)
    show_next(stages, chosen.model or "math-tiny")
else:
    say_what_is_missing("heads")
show_unusable()
if runs:
    st.subheader("All runs")
    show_run_table(runs)
