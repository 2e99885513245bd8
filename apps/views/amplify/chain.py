"""The runs of an amplification as they hang together, and the command that makes the next one.

mask_run = made_from(run, "amplify-mask", label="Mask", key="mask")
"""

from __future__ import annotations

import shlex

import streamlit as st

from apps.reading.runs import FoundRun
from apps.reading.workspace import own_root
from apps.widgets.addressed import choose_addressed
from apps.widgets.runs import workspace
from apps.words.markdown import as_markdown

PARENT_OPTION = {"mask": "--pivots", "update": "--mask", "report": "--update"}
TASK = ("--data", "generated", "--where", "n_steps=5..8")


def made_from(parent: FoundRun, stage: str, *, label: str, key: str) -> FoundRun | None:
    """The newest run of `stage` that read `parent`, or the one chosen of several."""
    runs = [run for run in workspace().children(parent, "amplify") if run.stage == stage]
    if len(runs) < 2:
        return next(iter(runs), None)
    names = {run.name: run for run in runs}
    return names[choose_addressed(label, list(names), key=key, help="The newest stands first.")]


def next_amplify(verb: str, parent: str, model: str, *, why: str) -> None:
    """What is missing, and the command that makes it."""
    st.info(why, icon=":material/inbox:")
    show_command(verb, "--model", model, PARENT_OPTION[verb], parent)
    offer_start(verb)


def say_how_to_begin() -> None:
    """The designed empty state: four commands, each on the result of the one before."""
    st.info("No pivotal tokens here yet.", icon=":material/inbox:")
    st.markdown(
        "Choose a task that the model solves now and then, such as the longer problems of the "
        "bundled data (minutes on two cores):"
    )
    show_command("localize", "--model", "math-tiny", *TASK)
    st.markdown("Then, each on the run that the one before has printed:")
    for verb, option in PARENT_OPTION.items():
        show_command(verb, "--model", "math-tiny", option, "RUN")
    offer_start("localize")


def show_command(verb: str, *words: str) -> None:
    command = shlex.join(["workbench", "amplify", verb, *words, "--runs", str(own_root())])
    st.code(command, language="bash", wrap_lines=True)


def offer_start(verb: str) -> None:
    """The way to the form of this step."""
    st.page_link(
        "views/run/page.py",
        label="Or start it here",
        icon=":material/play_arrow:",
        query_params={"stage": "amplify", "step": verb},
    )


def show_unfinished() -> None:
    """Amplifications that stopped on the way, each with its reason; running again goes on."""
    for run in workspace().unusable():
        if run.stage.startswith("amplify") or run.name.startswith("amplify"):
            reason = f": {run.reason}" if run.reason else ""
            text = f"{run.name} is {run.status}{reason}. Run its command again to go on."
            st.caption(as_markdown(text, maths=False))
