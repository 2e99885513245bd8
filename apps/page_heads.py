"""Heads: which heads does the model need for the probe's solutions, and how sure is that?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import streamlit as st
from words import WORDS
from workspace import FoundRun, choose_run, load, parent_of

from workbench.circuits import circuit_of, read_heads
from workbench.execute import read_probe
from workbench.figures import elbow, head_name, heads_heatmap, sample_deltas
from workbench.types import Head, HeadScores


def read_table(path: Path) -> pd.DataFrame:
    return pq.read_table(path).to_pandas()


def take_click() -> None:
    """A click on the map moves the box, so that mouse and keyboard agree."""
    points = st.session_state["map"]["selection"]["points"]
    if points:
        st.session_state["head"] = head_name(*points[0]["customdata"])


def choose_head(heads: HeadScores) -> Head:
    names = {
        head_name(h.layer, h.head): Head(h.layer, h.head)
        for h in sorted(heads.heads, key=lambda h: h.rank)
    }
    name = st.selectbox(
        "Head, by rank (or click on the map)", list(names), key="head", bind="query-params"
    )
    return names.get(name or "", next(iter(names.values())))


def show_numbers(heads: HeadScores, chosen: Head) -> None:
    head = next(h for h in heads.heads if (h.layer, h.head) == chosen)
    first, second = st.columns(2)
    first.metric("Loss increase", f"{head.delta:.4f}", help=WORDS["delta"])
    second.metric("Rank", f"{head.rank} / {len(heads.heads)}", help=WORDS["rank"])
    first.metric("Stability", f"{head.stability:.0%}", help=WORDS["stability"])
    second.metric("Unchanged loss", f"{heads.base_loss:.4f}", help=WORDS["base_loss"])
    low, high = f"{head.ci_low:.4f}", f"{head.ci_high:.4f}"
    st.text(f"95 % interval {low} to {high} nats per token", help=WORDS["interval"])
    if heads.method == "retrieval":
        st.caption("From a retrieval-head file: the numbers are retrieval scores, not losses.")


def show_samples(run: FoundRun, heads: HeadScores, chosen: Head) -> None:
    path = run.folder / "deltas.parquet"
    if not path.is_file():
        st.caption("This run keeps no per-sample results.")
        return
    table = load(read_table, path)
    place = chosen.layer * heads.model.n_heads + chosen.head
    deltas = np.array([row[place] for row in table["deltas"]], dtype=np.float64)
    st.plotly_chart(
        sample_deltas(deltas, chosen),
        alt="Histogram of the loss increase of every probe sample for the chosen head",
    )
    frame = pd.DataFrame(
        {
            "loss increase": deltas,
            "unchanged loss": table["base_loss"],
            "sample": _texts(run, table["row_id"].tolist()),
            "row id": table["row_id"],
        }
    ).sort_values("loss increase", ascending=False)
    with st.expander("Probe samples, those that need this head most first"):
        st.dataframe(frame, hide_index=True)


def _texts(run: FoundRun, row_ids: list[str]) -> list[str]:
    """The prompts of the probe's samples, where the probe is still there."""
    probe = parent_of(run, "probe")
    if probe is None:
        return [""] * len(row_ids)
    texts = {s.row_id: s.prompt for s in load(read_probe, probe.result).samples}
    return [texts.get(row_id, "") for row_id in row_ids]


def show_table(heads: HeadScores) -> None:
    rows = [
        {
            "head": head_name(h.layer, h.head),
            "loss increase": h.delta,
            "from": h.ci_low,
            "to": h.ci_high,
            "stability": h.stability,
            "circuit": h.selected,
        }
        for h in sorted(heads.heads, key=lambda h: h.rank)
    ]
    with st.expander("All heads as a table"):
        st.dataframe(pd.DataFrame(rows), hide_index=True)


st.title("Heads")
run = choose_run("heads", label="Circuit", key="circuit")
heads = load(read_heads, run.result)
st.caption(
    f"Each head in turn attends uniformly on {heads.n_samples} probe samples; "
    f"{len(circuit_of(heads).heads)} of {len(heads.heads)} heads form the circuit."
)
left, right = st.columns([3, 2], gap="large")
with right:
    chosen = choose_head(heads)
    show_numbers(heads, chosen)
with left:
    st.plotly_chart(
        heads_heatmap(heads, chosen=chosen),
        key="map",
        on_select=take_click,
        selection_mode="points",
        alt="Map of all heads, layer by head, coloured by loss increase",
    )
left, right = st.columns(2, gap="large")
with left:
    st.plotly_chart(elbow(heads), alt="Loss increase of all heads by rank, with the cut")
with right:
    show_samples(run, heads, chosen)
show_table(heads)
