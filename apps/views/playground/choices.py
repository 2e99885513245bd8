"""What the Playground is asked: a problem, picked or typed, and the heads to make uniform.

sample, n_new = choose_problem(run)
heads = choose_heads(model, found)
"""

from __future__ import annotations

import contextlib
from dataclasses import replace

import streamlit as st

from apps.passes.ablated import Ablated, problem
from apps.reading.heads import probe_samples
from apps.reading.runs import FoundRun
from apps.widgets.chart import chart
from apps.widgets.one_sample import is_coming_to, remember_row, sample_in_view, show_ways
from apps.widgets.remembered import keep_inside
from apps.widgets.runs import workspace
from apps.words.markdown import literal
from apps.words.numbers import WORDS
from workbench import models
from workbench.ablation import KINDS
from workbench.bundled import DATASETS
from workbench.circuits import circuit_of, layer_matched_sets
from workbench.data import read_samples
from workbench.errors import InputError
from workbench.figures import head_name, heads_heatmap
from workbench.models import Model
from workbench.types import Head, HeadScores, Sample

N_REFERENCE = 32
Sets = dict[str, Ablated]
PROBE, SCORED, TYPED = "the circuit's probe", "the scored row", "type one"
CHOSEN, CIRCUIT = "Chosen heads", "The circuit"
AWAKE, DRAWN = "The circuit without idle heads", "Random heads of these layers"
EXAMPLE = "Tom has 3 boxes with 4 pens each. He gives 5 pens away. How many pens are left?"


def choose_problem(run: FoundRun | None) -> tuple[Sample, int]:
    """A row of the circuit's probe or a bundled dataset, or what the reader types.

    Also how many tokens an answer may have.
    """
    probe = list(probe_samples(run, workspace()).values()) if run else []
    viewed = sample_in_view()
    left, right = st.columns([2, 1])
    sources = [*([PROBE] if probe else []), *([SCORED] if viewed else []), *DATASETS, TYPED]
    # On coming only, and not where a link says what to begin with: what is chosen here stays.
    if is_coming_to("playground") and viewed and "from" not in st.query_params:
        st.session_state["from"] = SCORED
    source = left.selectbox("Problem from", sources, key="from", bind="query-params")
    if source == TYPED:
        prompt = st.text_area("Problem", EXAMPLE, key="typed", bind="query-params") or ""
        solution = st.text_area("Solution, if you have one", key="solution", bind="query-params")
        sample = problem(prompt.strip() or EXAMPLE, (solution or "").strip())
    elif source == SCORED and viewed is not None:
        sample = viewed[1]
        remember_row(viewed[0], sample.row_id)
        show_ways(viewed[0], sample.row_id, here="playground")
    else:
        rows = probe if source == PROBE else _rows(str(source))
        keep_inside("row", 1, len(rows))
        place = right.number_input("Row", 1, len(rows), key="row", bind="query-params")
        sample = rows[int(place) - 1]
    n_new = st.slider(
        "Tokens of the answer, at most",
        16,
        256,
        96,
        16,
        key="n_new",
        bind="query-params",
        help=WORDS["n_new"],
    )
    return sample, n_new


@st.cache_resource(max_entries=4, show_spinner="Reading the problems")
def _rows(source: str) -> list[Sample]:
    return [row for row in read_samples([source]) if isinstance(row, Sample)]


def choose_heads(model: Model, found: HeadScores | None) -> tuple[Head, ...]:
    """A box of heads, filled by hand, from the map, with the circuit, or with a random draw."""
    every = {
        head_name(i, j): Head(i, j) for i in range(model.n_layers) for j in range(model.n_heads)
    }
    with st.container(horizontal=True):
        if found is not None:
            circuit = [head_name(*head) for head in circuit_of(found).heads]
            st.button("The circuit", on_click=_set, args=(circuit,), shortcut="Shift+T")
            st.button(
                "A random draw",
                on_click=_draw,
                args=(model, circuit_of(found).heads),
                help=WORDS["random_draw"],
            )
        st.button("None", on_click=_set, args=([],))
    if found is None:
        st.caption("No circuit of this model is known here: choose heads by hand.")
    names = st.multiselect(
        "Heads taken away (or click on the map)",
        list(every),
        key="off",
        bind="query-params",
        help=WORDS["uniform"],
    )
    if found is not None:
        # Another key with every choice: else a second click on a head would only unselect it.
        key = f"play-map-{'-'.join(names)}"
        chart(
            heads_heatmap(
                found, marked=[every[name] for name in names], scale="log", is_small=True
            ),
            key=key,
            on_select=lambda: _toggle(key),
            selection_mode="points",
            alt="Map of all heads by loss increase; a click makes a head uniform or normal",
        )
    return tuple(sorted(every[name] for name in names))


def choose_ablation(model: Model, run: FoundRun | None, heads: tuple[Head, ...]) -> Ablated:
    """How the heads are taken away, with the rows that may refer to: the circuit's probe."""
    kind = st.segmented_control(
        "How they are taken away",
        list(KINDS),
        default="uniform",
        key="kind",
        help=" ".join(f"**{kind.name}**: {kind.note}." for kind in KINDS.values()),
    )
    kind = str(kind or "uniform")
    if not KINDS[kind].reference:
        return Ablated(heads, kind)
    rows = list(probe_samples(run, workspace()).values()) if run else _rows("gsm8k")[:N_REFERENCE]
    ids = [models.render(row, model.tokenizer).ids for row in rows[:N_REFERENCE]]
    st.caption(f"Refers to {len(ids)} rows of the {'probe' if run else 'pool gsm8k'}.")
    return Ablated(heads, kind, tuple(row for row in ids if len(row) <= model.n_ctx))


def compared_sets(model: Model, found: HeadScores | None, ablated: Ablated) -> Sets:
    """What is looked at together: the chosen heads, the circuit, it without idle heads, a draw."""
    circuit = tuple(sorted(circuit_of(found).heads)) if found else ()
    sets: Sets = {}
    if ablated.heads and ablated.heads != circuit:
        sets[CHOSEN] = ablated
    if circuit:
        sets[CIRCUIT] = replace(ablated, heads=circuit)
    idle = {Head(h.layer, h.head) for h in found.heads if h.idle} if found else set()
    awake = tuple(head for head in circuit if head not in idle)
    if awake and awake != circuit:
        sets[AWAKE] = replace(ablated, heads=awake)
    with contextlib.suppress(InputError):
        sets |= _drawn(model, ablated, ablated.heads or circuit)
    return sets


def _drawn(model: Model, ablated: Ablated, heads: tuple[Head, ...]) -> Sets:
    """As many heads of the same layers, drawn at random; another draw with every click."""
    if not heads:
        return {}
    seed = st.session_state.get("draw", 0)
    (drawn,) = layer_matched_sets(heads, n_heads=model.n_heads, n_sets=1, seed=seed)
    return {DRAWN: replace(ablated, heads=tuple(drawn))}


def _set(names: list[str]) -> None:
    st.session_state["off"] = names


def _draw(model: Model, circuit: tuple[Head, ...]) -> None:
    """Another random set of as many heads of the same layers with every click."""
    seed = st.session_state.get("draw", 0) + 1
    st.session_state["draw"] = seed
    try:
        (drawn,) = layer_matched_sets(circuit, n_heads=model.n_heads, n_sets=1, seed=seed)
    except InputError as err:
        st.toast(literal(err))
        return
    _set([head_name(*head) for head in drawn])


def _toggle(key: str) -> None:
    """A click on the map adds the head to the box, or takes it out."""
    points = st.session_state[key]["selection"]["points"]
    if not points:
        return
    name = head_name(*points[0]["customdata"])
    names = list(st.session_state.get("off") or [])
    _set([n for n in names if n != name] if name in names else [*names, name])
