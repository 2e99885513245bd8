"""Validate: does the circuit matter more than random heads of the same layers?"""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from apps.reading.files import load
from apps.widgets.chart import chart
from apps.widgets.report import offer_report
from apps.widgets.runs import choose_run
from apps.words.guides import show_heading
from apps.words.markdown import as_markdown, literal
from apps.words.numbers import WORDS
from apps.words.verdicts import headline
from workbench.circuits import is_clear, read_validation
from workbench.figures import (
    control_rises,
    head_name,
    knockout_curve,
    random_draws,
    stability_bars,
)
from workbench.reports import validation_page

NAMES = {
    "base": "unchanged model",
    "circuit": "circuit uniform",
    "random": "random heads (mean)",
    "bottom": "bottom heads",
    "all": "all heads",
    "only": "all but the circuit",
}
BESIDE = {"stability": "probe_halves", "controls": "control"}
MEASURES = {"loss": "loss", "accuracy": "right answers", "exact": "exact solutions"}


def show_numbers(report: dict[str, Any]) -> None:
    """p by each measure that there is, and how large the effect is by the one that is judged by."""
    judged = report["judged_by"]
    # Where nothing was right nothing can be lost, and p says nothing.
    measured = [m for m in MEASURES if report["effect"][m] and report["base"][m] != 0]
    found = report.get("contribution")
    shown = [(MEASURES[m], report["effect"][m]["p"], report["n_random"]) for m in measured]
    if found and "n_random" in found:
        shown.append(("mean output", found["p"], found["n_random"]))
    words = [*(f"p_{measure}" for measure in measured), "p_contribution"]
    columns = st.columns(len(shown) + 2)
    for column, (name, p, n), word in zip(columns, shown, words, strict=False):
        column.metric(f"p by {name}", f"{p:.3f}", help=WORDS[word])
        column.caption(f"{round(p * (1 + n)) - 1} of {n} sets cost as much")
    effect = report["effect"][judged]
    columns[-2].metric("Beyond random", _amount(effect["difference"], judged), help=WORDS["effect"])
    between = ""
    if effect["low"] is not None:
        low, high = (_amount(effect[end], judged) for end in ("low", "high"))
        between = f"{low} to {high}, "
    columns[-2].caption(f"{between}against the mean of all {report['n_random']} sets")
    ratio = effect["ratio"]
    columns[-1].metric(
        "Cost against random", "–" if ratio is None else f"{ratio:.1f} ×", help=WORDS["cost_ratio"]
    )


def _amount(value: float, measure: str) -> str:
    return f"{value:+.3f}" if measure == "loss" else f"{value:+.0%}"


def show_sets(report: dict[str, Any]) -> None:
    """What each set of heads costs, in numbers."""
    st.subheader("What each set costs")
    # Where the unchanged model reproduces no solution, nothing can cost one.
    shown = [m for m in MEASURES if m != "exact" or report["base"][m]]
    rows = []
    for key, name in NAMES.items():
        if found := report[key]:
            mean = "mean_" if key == "random" else ""
            rows.append([name, *(found[f"{mean}{measure}"] for measure in shown)])
    frame = pd.DataFrame(rows, columns=["heads made uniform", *(MEASURES[m] for m in shown)])
    names = {m: MEASURES[m] for m in shown if m != "loss"}
    # In percent as they are: Streamlit's own format gives one row decimals and another none.
    frame[list(names.values())] = frame[list(names.values())].astype(float) * 100
    shares = {
        name: st.column_config.NumberColumn(format="%.1f%%", help=WORDS[m])
        for m, name in names.items()
    }
    nats = st.column_config.NumberColumn(format="%.3f", help=WORDS["set_loss"])
    st.dataframe(
        frame.dropna(axis=1, how="all"), hide_index=True, column_config={"loss": nats, **shares}
    )


def show_draws(report: dict[str, Any]) -> None:
    """The circuit among the random sets, by the loss and by what there is of the others."""
    draws = [m for m in ("loss", "accuracy") if report["base"][m] is not None]
    if len(draws) == 1 and report["base"]["exact"] > 0:
        draws.append("exact")
    for column, measure in zip(st.columns(len(draws), gap="large"), draws, strict=True):
        chart(
            random_draws(report, measure),
            where=column,
            key=f"draws_{measure}",
            alt=f"{MEASURES[measure]} of random sets and of the circuit",
        )


def show_beyond(report: dict[str, Any]) -> None:
    """Knock-out in order, other data, other probes: what the report has of them."""
    figures = [
        (part, draw, alt)
        for part, draw, alt in (
            (
                "curve",
                knockout_curve,
                "Loss by the number of heads uniform, the circuit's first",
            ),
            ("controls", control_rises, "Loss added here and on other data"),
            ("stability", stability_bars, "Agreement of circuits of other probes"),
        )
        if report[part]
    ]
    for column, (part, draw, alt) in zip(st.columns(2, gap="large") * 2, figures, strict=False):
        with column:
            # Above: below it would stand under the legend, away from what it is about.
            if part in BESIDE:
                st.caption(WORDS[BESIDE[part]])
            if part == "controls":
                _say_of_how_many(report)
            chart(draw(report), key=part, alt=alt)


def _say_of_how_many(report: dict[str, Any]) -> None:
    """The cost beyond random sets is told twice, on the card and in the verdict."""
    n_sets, n_all = len(report["controls"][0]["random_loss"]), report["n_random"]
    if n_sets < n_all:
        st.caption(
            f"What the verdict says of other data is beyond the first {n_sets} random sets, "
            f"“Beyond random” above is beyond all {n_all}."
        )


def show_alone(report: dict[str, Any]) -> None:
    only = report["only"]
    if only and only["recovered"] is not None:
        # Rounded first: a share just below 0 would be shown as -0%.
        share = round(only["recovered"], 2) + 0.0
        st.metric("Kept by the circuit alone", f"{share:.0%}", help=WORDS["recovered"])
        st.caption("100%: these heads do alone what all do. 0% or below: no better than none.")


show_heading("Validate", "validate")
run = choose_run("validate", label="Validation", key="validation")
report = load(read_validation, run.result)
names = ", ".join(head_name(*head) for head in report["heads"])
st.caption(
    literal(
        f"{names} against {report['n_random']} random sets of as many heads in the same layers, "
        f"on {report['n_samples']} samples, {report['n_decoded']} of them answered by decoding."
    )
)
(st.success if is_clear(report) else st.warning)(
    f"**{headline(report)}**\n\n{as_markdown(report['verdict'], maths=False)}"
)
show_numbers(report)
show_draws(report)
left, right = st.columns([3, 1], gap="large")
with left:
    show_sets(report)
with right:
    show_alone(report)
    offer_report(run.name, lambda: validation_page(report))
show_beyond(report)
st.page_link(
    "views/run/page.py",
    label="Validate again: other data, or more random sets",
    icon=":material/replay:",
    query_params={"stage": "validate"},
)
