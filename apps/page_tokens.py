"""Tokens: where in one sample does the circuit look, and which tokens make the score?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st
from passes import TokenView, head_pattern, loaded_model, token_view
from samples import samples_of, scored_rows
from words import WORDS
from workspace import FoundRun, choose_run, load, parent_of, read_json

from workbench import models
from workbench.bundled import MODELS
from workbench.circuits import circuit_of, read_heads
from workbench.errors import InputError
from workbench.figures import head_name, pattern_heatmap, token_bars, token_strip
from workbench.models import Model
from workbench.types import Head

MAX_PATTERN_TOKENS = 300
ORDERS = {"highest score": False, "lowest score": True}
SHOWN = {"attention received": "received", "contribution to the score": "contribution"}


def choose_row(frame: pd.DataFrame) -> dict[str, Any]:
    left, right = st.columns([2, 1])
    order = left.segmented_control(
        "Begin with", list(ORDERS), default="highest score", required=True, key="order"
    )
    place = right.number_input(
        f"Place (1 to {len(frame)})", 1, len(frame), key="place", bind="query-params"
    )
    ordered = frame.sort_values("score", ascending=ORDERS[order or "highest score"], kind="stable")
    return ordered.iloc[int(place) - 1].to_dict()


def load_the_model(run: FoundRun, heads_run: FoundRun) -> Model:
    """The run's model; one from the hub only when asked for, since it may be large."""
    is_local = run.model in MODELS or Path(run.model).is_dir()
    if not is_local and not st.toggle("Load the model from the Hugging Face hub", key="load"):
        st.text(run.model)
        st.stop()
    dtype = run.manifest["inputs"].get("model", {}).get("dtype", "float32")
    try:
        model = loaded_model(run.model, dtype)
        models.check_same_model(load(read_heads, heads_run.result).model, model.info)
    except (InputError, OSError) as err:
        st.error(f"The model cannot be used here: {err}")
        st.stop()
    return model


def show_score(row: dict[str, Any], view: TokenView, *, drop_sink: bool) -> None:
    columns = st.columns(4)
    columns[0].metric("Score", f"{row['score']:.4g}", help=WORDS["score"])
    columns[1].metric(
        "Within like lengths", f"{row['score_within_length']:.0%}", help=WORDS["within_length"]
    )
    columns[2].metric("Tokens", row["n_tokens"], help=WORDS["n_tokens"])
    column = "paper_no_sink" if drop_sink else "paper"
    mean = float(view.contributions.mean())
    columns[3].metric("Paper's score here", f"{mean:.3g}", help=WORDS["paper"])
    table = f"; the scores table has {row[column]:.3g}" if column in row else ""
    st.caption(f"The paper's score is the mean of (a − 1/T)² over the tokens below{table}.")


def show_tokens(view: TokenView) -> None:
    shown = st.segmented_control(
        "Shade by", list(SHOWN), default="attention received", required=True, key="shade"
    )
    word = SHOWN[shown or "attention received"]
    values = view.received if word == "received" else view.contributions
    st.html(token_strip(view.tokens, values, meaning=shown or ""))
    st.caption(WORDS[word])
    even = 1 / len(values)
    is_received = word == "received"
    st.plotly_chart(
        token_bars(
            view.tokens,
            values,
            title="By token" + ("; the line is an even share, 1/T" if is_received else ""),
            unit="share of attention" if is_received else "(a − 1/T)²",
            reference=even if is_received else None,
        ),
        alt=f"{shown} of every token",
    )


def show_pattern(model: Model, view: TokenView, circuit: tuple[Head, ...]) -> None:
    st.subheader("Pattern of one head")
    every = [Head(i, j) for i in range(model.n_layers) for j in range(model.n_heads)]
    names = {f"{head_name(*h)} (circuit)": h for h in circuit}
    names |= {head_name(*h): h for h in every if h not in circuit}
    name = st.selectbox("Head", list(names), key="pattern", bind="query-params")
    ids = view.ids[:MAX_PATTERN_TOKENS]
    if len(view.ids) > len(ids):
        st.caption(f"The first {len(ids)} of {len(view.ids)} tokens.")
    head = names.get(name or "", circuit[0])
    tokens = [model.tokenizer.decode([i]) for i in ids]
    figure = pattern_heatmap(
        head_pattern(model, ids, head),
        tokens,
        title=f"{head_name(*head)}: each row shares 1 over the tokens before it",
    )
    st.plotly_chart(figure, alt="Attention of every query to every key")


st.title("Tokens")
run = choose_run(
    "score", label="Scores", key="scores", only=lambda run: run.stage == "score-circuitseer"
)
heads_run = parent_of(run, "heads")
if heads_run is None:
    st.error("The circuit of these scores is gone: find the heads and score again.")
    st.stop()
st.caption("Where the circuit looks in one sample. Recomputed here with the run's model.")
frame = scored_rows(run)
if frame.empty:
    st.info("No row of this run has a score.")
    st.stop()
row = choose_row(frame)
sample = samples_of(run, (row["row_id"],)).get(row["row_id"])
if sample is None:
    st.stop()
model = load_the_model(run, heads_run)
circuit = circuit_of(load(read_heads, heads_run.result)).heads
part = load(read_json, run.folder / "summary.json")["part"]
drop_sink = st.toggle("Leave out the sink", key="no_sink", help=WORDS["sink"])
view = token_view(model, circuit, sample, part=part, drop_sink=drop_sink)
show_score(row, view, drop_sink=drop_sink)
show_tokens(view)
show_pattern(model, view, circuit)
