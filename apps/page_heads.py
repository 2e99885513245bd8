"""Heads: which heads does the model need for the probe's solutions, and how sure is that?"""

# The stubs of pandas, pyarrow and streamlit are narrower than what they take.
# pyright: reportArgumentType=false, reportCallIssue=false

from __future__ import annotations

import streamlit as st
from head_data import deltas_of, recut
from head_detail import show_detail, show_table
from heads_compare import show_comparison
from stale import keep_inside
from words import WORDS
from workspace import FoundRun, choose_run, load

from workbench.circuits import circuit_of, read_heads
from workbench.figures import LAYERS, elbow, head_name, heads_heatmap, layers_of
from workbench.types import Head, HeadScores

LAYER_NAMES = {"delta": "loss increase", "control_delta": "plain text"}


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


def choose_cut(run: FoundRun, heads: HeadScores) -> HeadScores:
    """The slider: another circuit from the same ranking, with what enters and leaves."""
    own, n_all = len(circuit_of(heads).heads), len(heads.heads)
    keep_inside("cut", 1, n_all)
    n_top = st.select_slider(
        "Heads in the circuit",
        range(1, n_all + 1),
        own,
        format_func=lambda n: f"{n} ({n / n_all:.0%})",
        key="cut",
        bind="query-params",
        help=WORDS["cut"],
    )
    cut = recut(run, heads, n_top)
    if n_top != own:
        between = sorted(
            (h for h in cut.heads if min(own, n_top) < h.rank <= max(own, n_top)),
            key=lambda h: h.rank,
        )
        word = "enter" if n_top > own else "leave"
        names = [f"{head_name(h.layer, h.head)} ({h.stability:.0%} stable)" for h in between[:12]]
        more = f" and {len(between) - 12} more" if len(between) > 12 else ""
        st.caption(f"Of the run's own {own}: {len(between)} {word}: {', '.join(names)}{more}.")
    return cut


def show_map(heads: HeadScores, cut: HeadScores, chosen: Head) -> None:
    layers = layers_of(cut)
    layer = st.segmented_control(
        "Colour by",
        layers,
        default="delta",
        required=True,
        format_func=lambda name: LAYER_NAMES.get(name, name),
        key="layer",
        bind="query-params",
        help=WORDS["layers"],
    )
    st.plotly_chart(
        heads_heatmap(cut, chosen=chosen, layer=layer or "delta", before=circuit_of(heads).heads),
        key="map",
        on_select=take_click,
        selection_mode="points",
        alt=f"Map of all heads, layer by head: {LAYERS[layer or 'delta'].title}",
    )


st.title("Heads")
run = choose_run("heads", label="Circuit", key="circuit")
heads = load(read_heads, run.result)
what = "is looked at" if heads.method == "retrieval" else "in turn attends uniformly"
st.caption(
    f"Each head {what} on {heads.n_samples} probe samples; "
    f"{len(circuit_of(heads).heads)} of {len(heads.heads)} heads form the circuit."
)
deltas = deltas_of(run)
left, right = st.columns([3, 2], gap="large")
with right:
    chosen = choose_head(heads)
    details = st.container()
with left:
    cut = choose_cut(run, heads)
    show_map(heads, cut, chosen)
    st.plotly_chart(elbow(cut), key="elbow", alt="All heads by rank, with the cut of the circuit")
with details:
    show_detail(run, cut, deltas, chosen)
show_table(cut)
show_comparison(run, heads)
