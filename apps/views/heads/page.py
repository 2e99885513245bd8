"""Heads: which heads does the model need for the probe's solutions, and how sure is that?"""

from __future__ import annotations

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from apps.passes.kinds import known_kinds, measured_kinds
from apps.passes.model import local_model
from apps.reading.files import load
from apps.reading.heads import deltas_of, recut_of, second_measure
from apps.reading.runs import FoundRun
from apps.views.heads.detail import show_detail, show_table
from apps.views.heads.making import chosen_by_hand, is_choosing, offer_to_make, toggle_head
from apps.views.heads.settings import how_kept, show_settings
from apps.widgets.chart import chart
from apps.widgets.idle import warn_of_idle
from apps.widgets.remembered import keep_inside
from apps.widgets.runs import choose_run, workspace
from apps.words.guides import show_heading
from apps.words.markdown import literal
from apps.words.numbers import WORDS
from workbench.circuits import circuit_of, read_heads
from workbench.figures import LAYERS, SCALES, elbow, head_name, heads_heatmap, is_cut, layers_of
from workbench.types import Head, HeadScore, HeadScores

LAYER_NAMES = {
    "delta": "loss increase",
    "control_delta": "control",
    "sink_share": "first token",
}
KIND_NAMES = {"previous token": "previous", "induction": "induction"}
BOXES = "Boxed: the circuit. Dotted yellow: the opened head."
IDLE = " Ringed: idle."
NOT_RUN = " Empty: never run, as its gradients are small for its layer and among all heads."


def take_click(key: str) -> None:
    """A click on the map moves a box, so that mouse and keyboard agree."""
    points = st.session_state[key]["selection"]["points"]
    if not points:
        return
    if not points[0].get("customdata"):
        # The mean of a layer, or of a head of all layers.
        return
    name = head_name(*points[0]["customdata"])
    if is_choosing():
        toggle_head(name)
    else:
        st.session_state["head"] = name


def named(heads: HeadScores) -> dict[str, Head]:
    """Every head by its name, the first in rank first."""
    ranked = sorted(heads.heads, key=lambda h: h.rank)
    return {head_name(h.layer, h.head): Head(h.layer, h.head) for h in ranked}


def choose_head(heads: HeadScores) -> Head:
    names = named(heads)
    ranked = sorted(heads.heads, key=lambda h: h.rank)
    # Of a circuit chosen by hand or by a rule the first in rank may be none of its heads.
    first = next((i for i, h in enumerate(ranked) if h.selected), 0)
    name = st.selectbox(
        "Head, by rank (or click on the map)", list(names), first, key="head", bind="query-params"
    )
    return names.get(name or "", list(names.values())[first])


def choose_cut(run: FoundRun, heads: HeadScores, *, where: DeltaGenerator) -> HeadScores:
    """The slider: another circuit from the same ranking, with what enters and leaves."""
    own, n_all = len(circuit_of(heads).heads), len(heads.heads)
    keep_inside("cut", 1, n_all)
    n_top = where.select_slider(
        "Heads in the circuit",
        list(range(1, n_all + 1)),
        own,
        format_func=lambda n: f"{n} ({n / n_all:.0%})",
        key="cut",
        bind="query-params",
        help=WORDS["cut"],
    )
    if n_top == own:
        if not is_cut(heads):
            st.caption(
                f"These {own} are chosen, not the first {own} in rank: any other number on the "
                "slider shows a circuit of the first in rank instead."
            )
        return heads
    cut = recut_of(run, n_top)
    # Heads that were chosen by hand need not be the first in rank: some may leave as others enter.
    before = {Head(h.layer, h.head) for h in heads.heads if h.selected}
    moved = [h for h in cut.heads if h.selected != ((h.layer, h.head) in before)]
    said = [
        _said_of_moved([h for h in moved if h.selected == enters], "enter" if enters else "leave")
        for enters in (True, False)
    ]
    st.caption(f"Of the run's own {own}: {'; '.join(filter(None, said))}.")
    return cut


def _said_of_moved(moved: list[HeadScore], word: str) -> str:
    first = sorted(moved, key=lambda h: h.rank)[:12]
    names = [f"{head_name(h.layer, h.head)} ({h.stability:.0%} stable)" for h in first]
    more = f" and {len(moved) - 12} more" if len(moved) > 12 else ""
    return f"{len(moved)} {word}: {', '.join(names)}{more}" if moved else ""


def choose_scale(where: DeltaGenerator) -> None:
    """How numbers become colours; the map reads it under its key."""
    where.selectbox(
        "Colours",
        list(SCALES),
        key="scale",
        bind="query-params",
        help=" ".join(f"**{name}**: {what}." for name, what in SCALES.items()),
    )


def show_map(
    run: FoundRun, heads: HeadScores, cut: HeadScores, chosen: Head, second: HeadScores | None
) -> None:
    """The map in one of its layers; the last is what another run measured on the same model."""
    kinds = known_kinds(run)
    names = LAYER_NAMES | ({"delta": "retrieval"} if heads.method == "retrieval" else {})
    layers = [names.get(name, name) for name in layers_of(cut)]
    other = "loss increase" if heads.method == "retrieval" else "retrieval"
    word = st.segmented_control(
        "Colour by",
        [*layers, *([other] if second else []), *(KIND_NAMES if kinds else ())],
        default=layers[0],
        required=True,
        key="layer",
        bind="query-params",
        help=WORDS["layers"],
    )
    layer = next((name for name in LAYERS if names.get(name, name) == word), "delta")
    is_second = second is not None and word == other
    kind = KIND_NAMES.get(str(word)) if kinds else None
    hand = chosen_by_hand()
    # Another key with every choice: else a second click on a head would only unselect it.
    key = "-".join(["map", *hand])
    before = circuit_of(second if is_second and second else heads).heads
    chart(
        heads_heatmap(
            cut,
            chosen=chosen,
            layer="delta" if is_second else layer,
            before=before,
            second=second if is_second else None,
            scale=st.session_state["scale"] or "log",
            marked=[named(heads)[name] for name in hand],
            kind=(kind, getattr(kinds, kind)) if kind else None,
        ),
        key=key,
        on_select=lambda: take_click(key),
        selection_mode="points",
        alt=f"Map of all heads, layer by head, by {word}",
    )
    empty = NOT_RUN if any(h.basis == "gradient" for h in heads.heads) else ""
    if not (is_second or kind):
        n_known = sum(getattr(h, layer) is not None for h in cut.heads)
        if n_known < len(cut.heads):
            empty = f" {n_known} of {len(cut.heads)} heads measured; empty cells were not."
    dashed = "what the other measure chooses" if is_second else "left out by your cut"
    st.caption(
        f"{BOXES}{f' Dashed: {dashed}.' if set(before) - set(circuit_of(cut).heads) else ''}"
        f"{IDLE if any(h.selected and h.idle for h in cut.heads) else ''}"
        f"{empty}"
    )
    if kinds is None:
        offer_kinds(run, heads)
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


def offer_kinds(run: FoundRun, heads: HeadScores) -> None:
    """A button that measures what kind of head each is, once."""
    if st.button(
        "Measure previous-token and induction scores",
        icon=":material/category:",
        help=WORDS["head_kinds"],
    ):
        model = local_model(run, heads.model)
        if model is not None:
            measured_kinds(run, model)
            st.rerun()


def show_ways(run: FoundRun) -> None:
    """To the forms that hold this circuit against chance, and score rows by it."""
    with st.container(horizontal=True):
        for stage, label, icon in (
            ("validate", "Validate this circuit", ":material/verified:"),
            ("score", "Score rows by it", ":material/list:"),
        ):
            st.page_link(
                "views/run/page.py",
                label=label,
                icon=icon,
                query_params={"stage": stage, "parent_heads": run.title},
            )


def how_found(heads: HeadScores) -> str:
    if heads.robust:
        return how_kept(heads.robust)
    what = "is looked at" if heads.method == "retrieval" else "in turn attends uniformly"
    at_least = f"{literal(heads.search['first'])} to " if heads.search else ""
    return f"Each head {what} on {at_least}{literal(heads.n_samples)} probe samples"


show_heading("Heads", "heads")
run = choose_run("heads", label="Circuit", key="circuit")
heads = load(read_heads, run.result)
st.caption(
    f"{how_found(heads)}; {len(circuit_of(heads).heads)} of {len(heads.heads)} heads form the "
    "circuit."
)
show_settings(heads)
if heads.probe.get("chosen_from"):
    st.caption(literal(f"Chosen by {heads.probe.get('by')} from {heads.probe['chosen_from']}."))
deltas, second = deltas_of(run), second_measure(heads, workspace())
left, right = st.columns([3, 2], gap="large")
wide = st.container()
with right, st.container(key="beside"):
    chosen = choose_head(heads)
    details = st.container()
with left:
    slider, box = st.columns([3, 1], vertical_alignment="bottom")
    cut = choose_cut(run, heads, where=slider)
    choose_scale(box)
    show_map(run, heads, cut, chosen, second)
    offer_to_make(run, cut)
    show_ways(run)
    chart(elbow(cut), key="elbow", alt="All heads by rank, those of the circuit marked")
with details:
    warn_of_idle(cut)
    show_detail(run, cut, deltas, chosen, second=second, wide=wide)
show_table(cut, known_kinds(run))
st.page_link(
    "views/compare/page.py",
    label="Compare with another run",
    icon=":material/compare_arrows:",
    query_params={"what": "heads", "circuit": run.title},
)
