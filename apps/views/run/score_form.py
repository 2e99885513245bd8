"""The form of the stage score: a method, what it reads, and its own options.

ask_score()      # ["score", "--model=math-tiny", "--data=gsm8k", "--method=loss", ...]
"""

from __future__ import annotations

import dataclasses
from typing import Any

import streamlit as st

from apps.jobs.form import Face, ask, flags_of, form
from apps.views.run.inputs import SEED, choose_data, choose_model, choose_parent, flags, model_of
from apps.words.numbers import WORDS
from workbench.options import records
from workbench.scoring import SCORERS, Method, ScoreRequest

# An option of a method that is not named here is shown in the words of its record.
OWN = {
    "variant": Face("Variant", WORDS["variants"], start="excess", key="variant"),
    "drop_sink": Face("Leave out the sink", WORDS["sink"], key="drop_sink"),
    "weights": Face("Weights of the steps", WORDS["step_rule"], key="run_rule"),
    "temperature": Face("Temperature", WORDS["step_temperature"], key="run_temperature"),
    "top": Face("Steps up, %", WORDS["step_rule"], key="run_top"),
    "absolute": Face("Rise in nats, undivided", WORDS["absolute"], key="absolute"),
}
PART = Face("Part", WORDS["part"], key="part", unset="the method's own")
COMMON = {"with_loss": Face("Also the loss", WORDS["with_loss"], key="with_loss"), **SEED}


def ask_score() -> list[str]:
    name = st.selectbox(
        "Method", list(SCORERS), key="method", bind="query-params", help=WORDS["method"]
    )
    method = SCORERS[str(name)]
    chosen = _ask_source(method) | choose_data("gsm8k") | {"method": method.name}
    own = form(method.options, keep=method.name, faces=OWN)
    common = _ask_part(method) | form(
        ScoreRequest, keep="score", only=("with_loss", "seed"), faces=COMMON
    )
    return [
        *("score", *flags(chosen)),
        *flags_of(method.options, own),
        *flags_of(ScoreRequest, common),
    ]


def _ask_source(method: Method) -> dict[str, Any]:
    """A circuit with its model, or a model alone."""
    if not method.needs_heads:
        return {"model": choose_model()}
    parent = choose_parent("heads", "Circuit")
    return {**model_of(parent), "heads": parent.folder.resolve()}


def _ask_part(method: Method) -> dict[str, Any]:
    """One of the parts that the method can score, where there are several."""
    if len(method.parts) == 1:
        return {}
    (record,) = records(ScoreRequest, "part")
    return {"part": ask(dataclasses.replace(record, choices=method.parts), "score", PART)}
