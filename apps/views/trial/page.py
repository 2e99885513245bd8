"""Trial: does a selection teach more than random rows, at equal tokens?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from apps.reading.files import load, read_json
from apps.widgets.chart import chart
from apps.widgets.report import offer_report
from apps.widgets.runs import choose_run, workspace
from apps.words.guides import show_heading
from apps.words.markdown import as_markdown, literal
from apps.words.numbers import WORDS
from workbench.figures import trial_effects
from workbench.reports import trial_page

TRIAL = "workbench trial --selections A B --eval D"
SIGNED = ["difference", "from", "to"]
MEASURES = {"loss": "held-out loss", "accuracy": "right answers"}


def say_how_to_begin() -> None:
    """What is missing, and what makes it."""
    st.info("No trial here yet.", icon=":material/inbox:")
    st.markdown("Save a selection or two, then hold them against random rows:")
    st.code(TRIAL, language="bash")
    st.page_link(
        "views/run/page.py",
        label="Or start it here",
        icon=":material/play_arrow:",
        query_params={"stage": "trial"},
    )


def show_verdict(report: dict[str, Any]) -> None:
    """What beat random rows, in words, and what a reader has to know before that."""
    first, *rest = report["verdict"]
    (st.success if report["beat"] else st.warning)(as_markdown(first, maths=False))
    for sentence in rest:
        st.markdown(as_markdown(sentence, maths=False))
    for warning in report["warnings"]:
        st.caption(as_markdown(warning, maths=False))


def show_effects(report: dict[str, Any]) -> None:
    """Each arm against random rows, with its interval."""
    for measure in dict.fromkeys(c["measure"] for c in report["comparisons"]):
        name = MEASURES.get(measure, measure)
        alt = f"{name} of every arm against random rows; numbers in the tables below"
        chart(trial_effects(report, measure), key=f"effects_{measure}", alt=alt)
    st.caption(WORDS["trial_effect"])


def show_arms(report: dict[str, Any]) -> None:
    """A row an arm: what it read, and what came of it."""
    st.subheader("The arms")
    tasks = report.get("tasks", {})
    titles = MEASURES | {task: task for task in tasks}
    rows = [
        {
            "arm": arm["name"],
            **{title: arm.get(measure) for measure, title in titles.items()},
            "rows": max(arm["n_rows"]),
            "tokens": max(arm["tokens"]),
            "rounds": max(arm["rounds"]),
            "eval rows read": max(arm["n_eval_read"]),
        }
        for arm in report["arms"]
    ]
    rows.append({"arm": "before", **{titles[m]: v for m, v in report["untuned"].items()}})
    number = st.column_config.NumberColumn
    columns = {
        "held-out loss": number(format="%.4f", help=WORDS["trial_loss"]),
        "right answers": number(format="percent", help=WORDS["trial_right"]),
        **{task: number(format="%.4f", help=_task_help(facts)) for task, facts in tasks.items()},
        "rows": number(help=WORDS["trial_rows"]),
        "tokens": number(help=WORDS["trial_tokens"]),
        "rounds": number(format="%.2f", help=WORDS["trial_rounds"]),
        "eval rows read": number(help=WORDS["trial_read"]),
    }
    frame = pd.DataFrame(rows).dropna(axis=1, how="all")
    st.dataframe(frame, hide_index=True, column_config=columns, alt="Every arm and what it read")


def _task_help(facts: dict[str, Any]) -> str:
    return WORDS["trial_task_falling" if facts["lower_is_better"] else "trial_task"]


def show_comparisons(report: dict[str, Any]) -> None:
    """Every pair that was compared, and what its difference says."""
    st.subheader("Differences")
    rows = [
        {
            "arm": c["arm"],
            "against": c["against"],
            "measure": MEASURES.get(c["measure"], c["measure"]),
            "difference": c["difference"],
            "from": c["low"],
            "to": c["high"],
            "says": c["says"],
        }
        for c in report["comparisons"]
    ]
    signed = st.column_config.NumberColumn(format="%+.4f", help=WORDS["trial_difference"])
    columns = {
        "against": st.column_config.TextColumn(width=240),
        **dict.fromkeys(SIGNED, signed),
    }
    st.dataframe(pd.DataFrame(rows), hide_index=True, column_config=columns, alt="All differences")


show_heading("Trial", "trial")
if not workspace().finished("trial"):
    say_how_to_begin()
    st.stop()
run = choose_run("trial", label="Trial", key="trial")
report = load(read_json, run.result)
held_out, n_seeds = report["eval"], len(report["seeds"])
files = ", ".join(Path(name).name for name in held_out["data"])
text = (
    f"{report['model']['id']}, {n_seeds} training{'s' if n_seeds > 1 else ''} an arm, each reads "
    f"{report['budget']['tokens']:,} tokens in {report['budget']['n_steps']} steps; measured on "
    f"{held_out['n']} rows of {files}, {held_out['n_answers']} of them answered."
)
st.caption(literal(text))
show_verdict(report)
show_effects(report)
show_arms(report)
show_comparisons(report)
offer_report(run.name, lambda: trial_page(report))
