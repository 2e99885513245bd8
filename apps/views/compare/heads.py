"""Two runs of heads beside each other: do they find the same circuit?

compare_runs()
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from apps.reading.files import load
from apps.widgets.addressed import choose_addressed
from apps.widgets.chart import chart
from apps.widgets.runs import workspace
from apps.words.markdown import literal
from apps.words.numbers import WORDS
from workbench.circuits import circuit_of, compare_heads, read_heads
from workbench.figures import head_name, heads_difference, rank_scatter
from workbench.types import Head, HeadScores


def compare_runs() -> None:
    """Two runs on models of one shape: the numbers, the maps, every head of either circuit."""
    every = [(run, _shape(load(read_heads, run.result))) for run in workspace().finished("heads")]
    shapes = [shape for _, shape in every]
    # Those that there is something to compare with stand first.
    every.sort(key=lambda pair: shapes.count(pair[1]) < 2)
    runs = {run.title: run for run, _ in every}
    left, right = st.columns(2)
    with left:
        first = load(read_heads, runs[choose_addressed("First", list(runs), key="circuit")].result)
    others = {
        title: run
        for title, run in runs.items()
        if title != st.session_state["circuit"]
        and _shape(load(read_heads, run.result)) == _shape(first)
    }
    if not others:
        _say_none()
        return
    with right:
        title = choose_addressed("Second", list(others), key="other", help=WORDS["one_shape"])
    second = load(read_heads, others[title].result)
    report = compare_heads(first, second)
    _show_numbers(report)
    left, right = st.columns(2, gap="large")
    with left:
        alt = "Map of all heads: second run minus first"
        chart(heads_difference(first, second, scale="log"), key="difference", alt=alt)
        st.caption("Boxed: in both circuits; dashed: in one of them. Colours by logarithm.")
    with right:
        _show_ranks(first, second)
    st.caption(
        f"In both: {_names(report['shared'])}. Only in the first: {_names(report['only_a'])}. "
        f"Only in the second: {_names(report['only_b'])}."
    )
    _show_heads(report)


def _say_none() -> None:
    st.caption(
        "There is no other run on a model of this shape. Find the heads again with another "
        "probe, method or kind of ablation: a circuit worth its name is found again."
    )
    st.page_link(
        "views/run/page.py",
        label="Find heads",
        icon=":material/play_circle:",
        query_params={"stage": "heads"},
    )


def _show_numbers(report: dict) -> None:
    columns = st.columns(4)
    columns[0].metric("Overlap", f"{report['overlap']:.0%}", help=WORDS["overlap"])
    columns[1].metric(
        "Rank correlation", f"{report['rank_correlation']:+.2f}", help=WORDS["rank_correlation"]
    )
    columns[2].metric("Shared heads", len(report["shared"]), help=WORDS["overlap"])
    columns[3].metric(
        "In one only", len(report["only_a"]) + len(report["only_b"]), help=WORDS["overlap"]
    )


def _show_ranks(first: HeadScores, second: HeadScores) -> None:
    """Every head by its rank in both, the circuits apart; 1 is at the lower left."""
    in_first, in_second = (set(circuit_of(heads).heads) for heads in (first, second))
    ranks = [{Head(h.layer, h.head): h.rank for h in heads.heads} for heads in (first, second)]
    every = list(ranks[0])
    sides = {
        (True, True): "both",
        (True, False): "first only",
        (False, True): "second only",
        (False, False): "neither",
    }
    figure = rank_scatter(
        np.array([float(ranks[0][head]) for head in every]),
        np.array([float(ranks[1][head]) for head in every]),
        x="rank in the first",
        y="rank in the second",
        sides=[sides[head in in_first, head in in_second] for head in every],
        names=[head_name(*head) for head in every],
    )
    chart(figure, key="ranks", alt="Rank of every head in the first run against the second")


def _show_heads(report: dict) -> None:
    rows = [
        {
            "head": _names([head["head"]]),
            "in the first": head["values"][0],
            "rank": head["ranks"][0],
            "in the second": head["values"][1],
            "rank there": head["ranks"][1],
            "idle": head["idle"],
        }
        for head in report["heads"]
    ]
    with st.expander("Heads of either circuit"):
        first, second = map(literal, report["kinds"])
        st.caption(f"First: {first}. Second: {second}.")
        st.dataframe(pd.DataFrame(rows), hide_index=True, alt="Heads of either circuit in both")


def _names(heads: list[str]) -> str:
    """Heads that the report has as `layer.head`."""
    return ", ".join(head_name(*map(int, head.split("."))) for head in heads) or "none"


def _shape(heads: HeadScores) -> tuple[int, int]:
    return heads.model.n_layers, heads.model.n_heads
