"""Validate: does the circuit matter more than random heads of the same layers?"""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st
from words import WORDS
from workspace import choose_run, load, read_json

from workbench.figures import head_name, random_draws


def show_numbers(report: dict[str, Any]) -> None:
    columns = st.columns(4)
    base, circuit = report["base"], report["circuit"]
    columns[0].metric("p by loss", f"{report['p_loss']:.3f}", help=WORDS["p_loss"])
    columns[1].metric("p by accuracy", f"{report['p_accuracy']:.3f}", help=WORDS["p_accuracy"])
    columns[2].metric(
        "Accuracy, circuit uniform",
        f"{circuit['accuracy']:.1%}",
        delta=f"{circuit['accuracy'] - base['accuracy']:+.1%}",
        delta_color="off",
        help=WORDS["accuracy"],
    )
    ratio = report["accuracy_cost_ratio"]
    columns[3].metric(
        "Cost against random",
        "–" if ratio is None else f"{ratio:.1f} ×",
        help=WORDS["cost_ratio"],
    )


def show_sets(report: dict[str, Any]) -> None:
    """What each set of heads costs, in numbers."""
    st.subheader("What each set costs")
    random = report["random"]
    rows = [
        ("unchanged model", report["base"]["loss"], report["base"]["accuracy"]),
        ("circuit uniform", report["circuit"]["loss"], report["circuit"]["accuracy"]),
        ("random heads (mean)", random["mean_loss"], random["mean_accuracy"]),
        ("bottom heads", report["bottom"]["loss"], report["bottom"]["accuracy"]),
        ("all heads", report["all"]["loss"], report["all"]["accuracy"]),
    ]
    frame = pd.DataFrame(rows, columns=["heads made uniform", "loss", "accuracy"])
    st.dataframe(
        frame,
        hide_index=True,
        column_config={
            "loss": st.column_config.NumberColumn(format="%.3f", help="nats per token"),
            "accuracy": st.column_config.NumberColumn(format="percent", help=WORDS["accuracy"]),
        },
    )


def show_control(report: dict[str, Any]) -> None:
    control = report.get("control")
    if not control:
        return
    st.subheader("On plain text")
    columns = st.columns(3)
    base = control["base_loss"]
    columns[0].metric("Unchanged loss", f"{base:.3f}", help=WORDS["base_loss"])
    columns[1].metric(
        "Circuit adds", f"{control['circuit_loss'] - base:+.3f}", help=WORDS["control"]
    )
    columns[2].metric(
        "Random heads add", f"{control['random_mean_loss'] - base:+.3f}", help=WORDS["control"]
    )
    st.caption(f"nats per token, on {control['n_samples']} texts")


st.title("Validate")
run = choose_run("validate", label="Validation", key="validation")
report = load(read_json, run.result)
names = ", ".join(head_name(*head) for head in report["heads"])
st.caption(
    f"{names} against {report['n_random']} random sets of as many heads in the same layers, "
    f"on {report['n_samples']} samples."
)
measure = "accuracy" if report["base"]["accuracy"] > 0 else "loss"
(st.success if report[f"p_{measure}"] < 0.05 else st.warning)(report["verdict"])
show_numbers(report)
if measure == "loss":
    st.caption("The model reproduces none of these solutions exactly, so only the loss can tell.")
left, right = st.columns(2, gap="large")
with left:
    st.plotly_chart(random_draws(report, "loss"), alt="Loss of random sets and of the circuit")
with right:
    if measure == "accuracy":
        st.plotly_chart(
            random_draws(report, "accuracy"), alt="Accuracy of random sets and of the circuit"
        )
    else:
        show_sets(report)
left, right = st.columns(2, gap="large")
with left:
    show_control(report)
with right:
    if measure == "accuracy":
        show_sets(report)
