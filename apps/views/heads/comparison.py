"""Two runs of heads beside each other, for the Heads page: do they find the same circuit?

show_comparison(run, heads)
"""

from __future__ import annotations

import streamlit as st

from apps.reading.files import load
from apps.reading.runs import FoundRun
from apps.widgets.chart import chart
from apps.widgets.runs import workspace
from apps.words.numbers import WORDS
from workbench.circuits import compare_heads, read_heads
from workbench.figures import head_name, heads_difference
from workbench.types import HeadScores

NONE = "no other run"


def show_comparison(run: FoundRun, heads: HeadScores) -> None:
    """A choice of runs of the same shape, the numbers, and the map of differences."""
    others = {
        other.title: other
        for other in workspace().finished("heads")
        if other.name != run.name and _shape(load(read_heads, other.result)) == _shape(heads)
    }
    st.subheader("Compare with another run")
    if not others:
        st.caption(
            "There is no other run on a model of this shape. Find the heads again with another "
            "probe or method: a circuit worth its name is found again."
        )
        st.page_link(
            "views/run/page.py",
            label="Find heads",
            icon=":material/play_circle:",
            query_params={"stage": "heads"},
        )
        return
    title = st.selectbox("Second run", [NONE, *others], key="other", bind="query-params")
    if title not in others:
        return
    second = load(read_heads, others[title].result)
    report = compare_heads(heads, second)
    columns = st.columns(4)
    columns[0].metric("Overlap", f"{report['overlap']:.0%}", help=WORDS["overlap"])
    columns[1].metric(
        "Rank correlation", f"{report['rank_correlation']:+.2f}", help=WORDS["rank_correlation"]
    )
    columns[2].metric("Shared heads", len(report["shared"]), help=WORDS["overlap"])
    columns[3].metric(
        "In one only", len(report["only_a"]) + len(report["only_b"]), help=WORDS["overlap"]
    )
    chart(
        heads_difference(heads, second),
        key="difference",
        alt="Map of all heads: second run minus first",
    )
    st.caption(
        f"In both: {_names(report['shared'])}. Only in the first: {_names(report['only_a'])}. "
        f"Only in the second: {_names(report['only_b'])}."
    )


def _names(heads: list[str]) -> str:
    """Heads that the report has as `layer.head`."""
    return ", ".join(head_name(*map(int, head.split("."))) for head in heads) or "none"


def _shape(heads: HeadScores) -> tuple[int, int]:
    return heads.model.n_layers, heads.model.n_heads
