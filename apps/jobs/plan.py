"""The plan of a command before it is started: samples, passes, time and memory, then the button.

show_plan("score", STAGES["score"], arguments)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import streamlit as st

from apps.jobs.job import COMMAND, Job, every_job, find_job, start_job
from apps.reading.workspace import own_root
from apps.words.markdown import literal
from apps.words.numbers import WORDS
from workbench.config import digest
from workbench.data import reading_lines
from workbench.runs import READINGS

TOLD = ("model", "data", "probe", "heads", "method", "variant", "ablation", "n", "export")
PLAN = {
    "samples": ("Samples", "n_tokens"),
    "forward_passes": ("Forward passes", "forward_passes"),
    "estimated_seconds": ("Estimated time", "estimated_seconds"),
    "attention_mb": ("Memory", "plan_memory"),
}


@dataclass(frozen=True)
class Stage:
    """One form; `explains` says whether the command can print its plan."""

    title: str
    what: str
    ask: Callable[[], list[str]]
    explains: bool = True


def show_plan(name: str, stage: Stage, arguments: list[str]) -> None:
    """The plan of exactly these arguments, then the button that starts them."""
    if not stage.explains:
        st.caption("This command cannot print its plan beforehand.")
        offer_start(name, stage, arguments)
        return
    key = f"plan-{digest(arguments)[:12]}"
    job = find_job(own_root(), key)
    if job is None or job.status in ("cancelled", "failed"):
        if job is not None:
            st.error(literal(job.log() or "The plan could not be made."))
        if st.button("Show the plan", type="primary", icon=":material/fact_check:"):
            argv = [*COMMAND, *arguments, "--explain", "--json"]
            start_job(own_root(), "plan", argv, title=f"Plan: {stage.title}", key=key)
            st.rerun()
        st.caption("The plan loads the model and measures it: some seconds. Nothing is written.")
        offer_start(name, stage, arguments, label="Start without a plan")
    elif job.is_active:
        wait_for(job)
    else:
        show_numbers(job.output())
        offer_start(name, stage, arguments)


@st.fragment(run_every=1.0)
def wait_for(job: Job) -> None:
    """A plan being made; the page goes on by itself."""
    fresh = next((j for j in every_job(own_root()) if j.folder == job.folder), None)
    if fresh is None or not fresh.is_active:
        st.rerun()
    st.info("The plan is being made …", icon=":material/hourglass_top:")


def what_of(arguments: list[str]) -> str:
    """What a command works on and how, for the title of its job: `data=gsm8k, method=air`."""
    pairs = [word[2:].partition("=") for word in arguments if word.startswith("--")]
    known = {name: value for name, _, value in pairs}
    told = {name: known[name].rpartition("/")[2] for name in TOLD if known.get(name)}
    return ", ".join(f"{name} {value}" for name, value in told.items())


def show_numbers(plan: dict[str, Any]) -> None:
    shown = [(label, word, key) for key, (label, word) in PLAN.items() if key in plan]
    for column, (label, word, key) in zip(st.columns(2) * 2, shown, strict=False):
        value = plan[key]
        text = f"{value:,.0f}"
        if key == "estimated_seconds":
            text = f"{value:.0f} s" if value < 90 else f"{value / 60:.0f} min"
        elif key == "attention_mb":
            text = f"{value + plan.get('weights_mb', 0):,} MB"
        column.metric(label, text, help=WORDS[word])
    for reading in (plan[name] for name in READINGS if name in plan):
        st.code("\n".join(reading_lines(reading)), language=None, wrap_lines=True)


def offer_start(name: str, stage: Stage, arguments: list[str], *, label: str = "Start") -> None:
    """The button; behind other heavy jobs it says how many."""
    waiting = sum(job.is_active and job.heavy for job in every_job(own_root()))
    is_planned = label == "Start"
    if st.button(
        f"Queue behind {waiting}" if waiting else label,
        type="primary" if is_planned else "secondary",
        icon=":material/play_arrow:",
        key="start" if is_planned else "start-unplanned",
    ):
        argv = [*COMMAND, *arguments, "--json"]
        title = ": ".join(filter(None, [stage.title, what_of(arguments)]))
        start_job(own_root(), name, argv, title=title, heavy=True)
        st.rerun()
