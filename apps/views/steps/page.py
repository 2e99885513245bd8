"""Steps: which steps of a solution need the heads, and how much would training weigh them?"""

from __future__ import annotations

from shlex import quote

import numpy as np
import pandas as pd
import streamlit as st

from apps.reading.files import load, read_json
from apps.reading.runs import FoundRun
from apps.reading.scores import ScoreTable
from apps.reading.steps import steps_of
from apps.reading.workspace import ref_of
from apps.widgets.chart import chart
from apps.widgets.runs import choose_run, workspace
from apps.widgets.sample_card import show_text
from apps.widgets.score_choice import choose_place
from apps.widgets.texts import texts_of
from apps.words.guides import show_heading
from apps.words.markdown import literal
from apps.words.numbers import WORDS
from workbench.circuits import circuit_of, read_heads
from workbench.errors import InputError
from workbench.figures import head_name, step_blocks, step_losses, step_weight_bars
from workbench.scoring import WEIGHTS, step_weights
from workbench.types import Sample

OWN = "as in the run"
SHADES = {"influence": 0.0, "weight": 1.0}


def choose_weights(run: FoundRun, steps: pd.DataFrame) -> tuple[np.ndarray, str]:
    """The run's own weights, or those of another rule over the same scores."""
    config = run.manifest["config"]
    left, right = st.columns(2)
    rule = left.selectbox(
        "Rule", [OWN, *WEIGHTS], key="rule", bind="query-params", help=WORDS["step_rule"]
    )
    if rule in (None, OWN):
        return steps["weight"].to_numpy(), str(config.get("weights", OWN))
    temperature, top = 1.0, 0.2
    if rule == "top-fraction":
        percent = right.slider("Steps up, %", 1, 100, 20, key="top", bind="query-params")
        top = percent / 100
    else:
        temperature = right.number_input(
            "Temperature",
            0.01,
            100.0,
            1.0,
            key="step_temperature",
            bind="query-params",
            help=WORDS["step_temperature"],
        )
    weights = step_weights(
        steps["score"].to_numpy(np.float64),
        steps["n_tokens"].to_numpy(np.int64),
        rule=rule,
        temperature=float(temperature),
        top=top,
    )
    return weights, rule


def show_numbers(row: dict, steps: pd.DataFrame) -> None:
    columns = st.columns(4)
    columns[0].metric("Influence", f"{row['score']:.3g}", help=WORDS["air_score"])
    columns[1].metric("Loss as it is", f"{row['loss_base']:.3f}", help=WORDS["loss_base"])
    columns[2].metric("Heads uniform", f"{row['loss_weak']:.3f}", help=WORDS["loss_weak"])
    columns[3].metric("Steps", len(steps), help=WORDS["n_steps_found"])


def show_text_by_step(sample: Sample | None, steps: pd.DataFrame, weights: np.ndarray) -> list[str]:
    """The solution in blocks; what each step says, for the charts."""
    if sample is None:
        st.warning("The text of this row is no longer in the data; its steps still have numbers.")
        return [""] * len(steps)
    solution = sample.text if sample.text is not None else sample.completion
    spans = zip(steps["start_char"], steps["end_char"], strict=True)
    texts = [solution[start:end] for start, end in spans]
    shade = st.segmented_control(
        "Colour by",
        list(SHADES),
        default="influence",
        required=True,
        key="step_shade",
        bind="query-params",
        help=WORDS["step_shade"],
    )
    values = steps["score"].to_numpy(float) if shade == "influence" else weights
    name = shade or "influence"
    st.html(step_blocks(texts, values, meaning=name, middle=SHADES[name]))
    return texts


def show_charts(steps: pd.DataFrame, weights: np.ndarray, texts: list[str], rule: str) -> None:
    left, right = st.columns(2, gap="large")
    chart(
        step_losses(steps),
        where=left,
        key="step-losses",
        alt="Loss of every step, of the model as it is and with the heads uniform",
    )
    chart(
        step_weight_bars(weights, texts, rule=rule),
        where=right,
        key="step-weights",
        alt="Training weight of every step; 1 is training without weights",
    )
    frame = steps[["n_tokens", "loss_base", "loss_weak", "score"]].assign(weight=weights)
    frame.columns = ["tokens", "loss as it is", "heads uniform", "influence", "weight"]
    with st.expander("The steps as a table"):
        frame.insert(0, "step", np.arange(1, len(frame) + 1))
        st.dataframe(
            frame.assign(text=[" ".join(text.split())[:200] for text in texts]),
            hide_index=True,
            alt="Every step with its tokens, losses, influence and weight",
        )


show_heading("Steps", "steps")
st.caption("One solution, step by step: how much harder is each step when the heads are uniform?")
run = choose_run("score", label="Step scores", key="steps", only="score-air")
heads_run = workspace().parent(run, "heads")
table = load(ScoreTable.open, run.result)
if not len(table.ok):
    st.info("No row of this run has a score.")
    st.stop()
if heads_run is not None:
    circuit = circuit_of(load(read_heads, heads_run.result)).heads
    names = ", ".join(head_name(*head) for head in circuit[:8])
    st.caption(f"Uniform together: {names}{' and more' if len(circuit) > 8 else ''}.")
place, row = choose_place(table, ("loss_base", "loss_weak"))
texts = texts_of(run, table.n_rows)
try:
    steps = steps_of(run.folder, table, place, row["row_id"])
except InputError as err:
    st.error(literal(f"The steps cannot be shown: {err}"), icon=":material/broken_image:")
    st.stop()
sample = texts.sample(int(row["row_index"]), row["row_id"]) if texts is not None else None
show_numbers(row, steps)
left, right = st.columns([2, 3], gap="large")
with left:
    st.markdown("**Problem**")
    if sample is not None and sample.text is None:
        show_text(sample.prompt)
    weights, rule = choose_weights(run, steps)
    mean = float(np.average(weights, weights=steps["n_tokens"]))
    st.caption(f"Mean weight of the sample's tokens: {mean:.2f}. Every rule keeps it at 1.")
with right:
    said = show_text_by_step(sample, steps, weights)
show_charts(steps, weights, said, rule)
summary = load(read_json, run.folder / "summary.json").get("steps", {})
if summary:
    st.caption(f"In all: {summary['n']:,} steps in {summary['n_rows']:,} rows of this run.")
with st.expander("Train with these weights"):
    st.markdown("Select and export rows first; then:")
    st.code(
        f"workbench tune --model {quote(run.model)} --export FOLDER "
        f"--steps-file {quote(ref_of(run))}",
        language=None,
        wrap_lines=True,
    )
    st.page_link(
        "views/run/page.py",
        label="Or start it here",
        icon=":material/play_arrow:",
        query_params={"stage": "tune"},
    )
