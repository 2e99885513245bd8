"""Tokens: where in one sample does the circuit look, and which tokens make the score?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import streamlit as st

from apps.passes.attention import Attended, live_sample
from apps.passes.model import local_model
from apps.reading.files import load, read_json
from apps.reading.kept_samples import KeptSample
from apps.reading.scores import ScoreTable
from apps.reading.texts import Texts
from apps.views.tokens.sample import SHADES, VARIANTS, Shown, show_sample
from apps.widgets.idle import warn_of_idle
from apps.widgets.kept import begin_with_kept, how_to_see_more, kept_of
from apps.widgets.one_sample import offer_find, open_wanted, remember_row, show_ways
from apps.widgets.runs import choose_run, workspace
from apps.widgets.score_choice import ORDERS, choose_order, choose_place
from apps.widgets.texts import texts_of
from apps.words.guides import show_heading
from apps.words.markdown import literal
from apps.words.numbers import WORDS
from workbench.circuits import circuit_of, read_heads
from workbench.figures import head_name
from workbench.models import Model, UnrenderableError
from workbench.types import Head

MEAN = "the circuit, mean"


def choose_shown(
    circuit: tuple[Head, ...], others: Iterable[Head], *, drop_sink: bool, is_double: bool
) -> Shown:
    """Whose attention, how shaded, with or without the sink: at first as the run scores."""
    names = {f"{head_name(*h)} (circuit)": h for h in circuit}
    names |= {head_name(*h): h for h in others if h not in circuit}
    left, middle, right = st.columns([2, 3, 2], vertical_alignment="bottom")
    whose = left.selectbox(
        "Attention of", [MEAN, *names], key="whose", bind="query-params", help=WORDS["received"]
    )
    shade = middle.segmented_control(
        "Shade by",
        list(SHADES),
        default="attention received",
        required=True,
        key="shade",
        bind="query-params",
        help=WORDS["contribution"],
    )
    drop_sink = right.toggle(
        "Leave out the sink", drop_sink, key="no_sink", bind="query-params", help=WORDS["sink"]
    )
    only = names.get(whose or "")
    return Shown(
        circuit=circuit,
        only=only,
        pattern=only or circuit[0],
        drop_sink=drop_sink,
        shade=SHADES[shade or "attention received"],
        is_double=is_double,
    )


def attended(
    row: dict[str, Any],
    kept: Mapping[str, KeptSample],
    model: Model | None,
    texts: Texts,
    part: str,
) -> Attended | None:
    """The row with the attention on it; None when the page has said why not."""
    if model is None:
        if row["row_id"] not in kept:
            st.info("The attention on this row was not kept; the model is not on this machine.")
        return kept.get(row["row_id"])
    sample = texts.sample(int(row["row_index"]), row["row_id"])
    if sample is None:
        st.warning("The text of this row is no longer in the data.")
        return None
    try:
        return live_sample(model, sample, part=part)
    except UnrenderableError as err:
        st.warning(literal(f"This sample cannot be shown: {err}"))
        return None


show_heading("Tokens", "tokens")
run = choose_run("score", label="Scores", key="scores", only="score-circuitseer", loads_model=True)
heads_run = workspace().parent(run, "heads")
if heads_run is None:
    st.error("The circuit of these scores is gone: find the heads and score again.")
    st.stop()
table = load(ScoreTable.open, run.result)
if not len(table.ok):
    st.info("No row of this run has a score.")
    st.stop()
kept = kept_of(run)
how = "As kept with the run." if kept else "Recomputed here with the run's model."
st.caption(f"Where the circuit looks in one sample. {how}")
left, right = st.columns([2, 1], vertical_alignment="bottom")
order = choose_order(left)
is_double = right.toggle("A second sample beside it", key="two", bind="query-params")
columns = st.columns(2, gap="large") if is_double else [st.container()]
both = [name + suffix for name in VARIANTS for suffix in ("", "_no_sink")]
texts = texts_of(run, table.n_rows)
open_wanted("tokens", run, table, key="place", is_falling=ORDERS[order])
begin_with_kept(kept, table, key="place", is_falling=ORDERS[order])
rows = []
for column, key in zip(columns, ("place", "place_2"), strict=False):
    with column:
        rows.append(choose_place(table, both, key=key, order=order)[1])
remember_row(run, rows[0]["row_id"])
offer_find(table, texts, key="place", is_falling=ORDERS[order])
show_ways(run, rows[0]["row_id"], here="tokens")
if texts is None:
    st.stop()
heads = load(read_heads, heads_run.result)
model = None if kept else local_model(run, heads.model)
if model is None and not kept:
    st.stop()
warn_of_idle(heads)
config, part = run.manifest["config"], load(read_json, run.folder / "summary.json")["part"]
every = [Head(h.layer, h.head) for h in heads.heads] if model else []
is_sinkless = bool(config.get("drop_sink"))
shown = choose_shown(circuit_of(heads).heads, every, drop_sink=is_sinkless, is_double=is_double)
columns = st.columns(2, gap="large") if is_double else [st.container()]
for column, row, key in zip(columns, rows, ("a", "b"), strict=False):
    with column:
        seen = attended(row, kept, model, texts, part)
        if seen is not None:
            show_sample(shown, table, row, seen, key=key, score=config)
if kept:
    how_to_see_more(run)
