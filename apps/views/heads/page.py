"""Heads: which heads does the model need for the probe's solutions, and how sure is that?"""

from __future__ import annotations

import streamlit as st

from apps.reading.files import load
from apps.reading.heads import deltas_of, recut_of, second_measure
from apps.reading.runs import FoundRun
from apps.views.heads.comparison import show_comparison
from apps.views.heads.detail import show_detail, show_table
from apps.widgets.remembered import keep_inside
from apps.widgets.runs import choose_run, workspace
from apps.words.guides import show_guide
from apps.words.markdown import literal
from apps.words.numbers import WORDS
from workbench.circuits import circuit_of, read_heads
from workbench.figures import LAYERS, elbow, head_name, heads_heatmap, layers_of
from workbench.types import Head, HeadScores

LAYER_NAMES = {"delta": "loss increase", "control_delta": "control"}
BOXES = "Boxed: the circuit. Dotted yellow: the opened head."
NOT_RUN = " Empty: never run, as its gradients are small for its layer and among all heads."


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
        list(range(1, n_all + 1)),
        own,
        format_func=lambda n: f"{n} ({n / n_all:.0%})",
        key="cut",
        bind="query-params",
        help=WORDS["cut"],
    )
    cut = recut_of(run, n_top)
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


def show_map(heads: HeadScores, cut: HeadScores, chosen: Head, second: HeadScores | None) -> None:
    """The map in one of its layers; the last is what another run measured on the same model."""
    names = LAYER_NAMES | ({"delta": "retrieval"} if heads.method == "retrieval" else {})
    layers = [names.get(name, name) for name in layers_of(cut)]
    other = "loss increase" if heads.method == "retrieval" else "retrieval"
    word = st.segmented_control(
        "Colour by",
        layers if second is None else [*layers, other],
        default=layers[0],
        required=True,
        key="layer",
        bind="query-params",
        help=WORDS["layers"],
    )
    layer = next((name for name in LAYERS if names.get(name, name) == word), "delta")
    is_second = second is not None and word == other
    before = circuit_of(second if is_second and second else heads).heads
    st.plotly_chart(
        heads_heatmap(
            cut,
            chosen=chosen,
            layer="delta" if is_second else layer,
            before=before,
            second=second if is_second else None,
        ),
        key="map",
        on_select=take_click,
        selection_mode="points",
        alt=f"Map of all heads, layer by head, by {word}",
    )
    dashed = "what the other measure chooses" if is_second else "left out by your cut"
    st.caption(
        f"{BOXES}{f' Dashed: {dashed}.' if set(before) - set(circuit_of(cut).heads) else ''}"
        f"{NOT_RUN if any(h.basis == 'gradient' for h in heads.heads) else ''}"
    )
    if second is None:
        st.page_link(
            "views/run/page.py",
            label=f"Measure {other} too: a second layer for this map",
            icon=":material/layers:",
            query_params={
                "stage": "heads",
                "heads_method": "exact" if heads.method == "retrieval" else "retrieval",
            },
        )


st.title("Heads")
show_guide("heads")
run = choose_run("heads", label="Circuit", key="circuit")
heads = load(read_heads, run.result)
what = "is looked at" if heads.method == "retrieval" else "in turn attends uniformly"
at_least = f"{literal(heads.search['first'])} to " if heads.search else ""
st.caption(
    f"Each head {what} on {at_least}{literal(heads.n_samples)} probe samples; "
    f"{len(circuit_of(heads).heads)} of {len(heads.heads)} heads form the circuit."
)
deltas, second = deltas_of(run), second_measure(heads, workspace())
left, right = st.columns([3, 2], gap="large")
wide = st.container()
with right:
    chosen = choose_head(heads)
    details = st.container()
with left:
    cut = choose_cut(run, heads)
    show_map(heads, cut, chosen, second)
    st.plotly_chart(elbow(cut), key="elbow", alt="All heads by rank, with the cut of the circuit")
with details:
    show_detail(run, cut, deltas, chosen, second=second, wide=wide)
show_table(cut)
show_comparison(run, heads)
