"""The form of the stage score: a method, what it reads, and its own options.

ask_score()      # ["score", "--model=math-tiny", "--data=gsm8k", "--method=loss", ...]
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from apps.views.run.inputs import (
    KEPT,
    choose_data,
    choose_model,
    choose_parent,
    choose_seed,
    flags,
    model_of,
)
from apps.words.numbers import WORDS
from workbench.scoring import SCORERS, WEIGHTS


def ask_score() -> list[str]:
    left, right = st.columns(2)
    method = left.selectbox(
        "Method", list(SCORERS), key="method", bind="query-params", help=WORDS["method"]
    )
    variant = None
    if SCORERS[str(method)].variant:
        variant = right.selectbox(
            "Variant", ["excess", "paper", "cv2"], key="variant", help=WORDS["variants"], **KEPT
        )
    if SCORERS[str(method)].needs_heads:
        parent = choose_parent("heads", "Circuit")
        chosen = {**model_of(parent), "heads": parent.folder.resolve()}
    else:
        chosen = {"model": choose_model()}
    data = choose_data("gsm8k")
    own = _ask_steps() if SCORERS[str(method)].has_steps else _ask_part(str(method))
    return [
        "score",
        *flags({**chosen, "data": data, "method": method, "variant": variant}),
        *flags(own),
        *flags({"seed": choose_seed()}),
    ]


def _ask_part(method: str) -> dict[str, Any]:
    left, right = st.columns(2)
    part = None
    if len(SCORERS[method].parts) > 1:
        part = left.selectbox(
            "Part",
            ["the method's own", "prompt", "completion", "all"],
            key="part",
            help=WORDS["part"],
            **KEPT,
        )
    drop_sink = SCORERS[method].variant and right.toggle(
        "Leave out the sink", key="drop_sink", help=WORDS["sink"], **KEPT
    )
    with_loss = right.toggle("Also the loss", key="with_loss", help=WORDS["with_loss"], **KEPT)
    own = part if part in ("prompt", "completion", "all") else None
    return {"part": own, "drop-sink": drop_sink, "with-loss": with_loss}


def _ask_steps() -> dict[str, Any]:
    left, right = st.columns(2)
    rule = left.selectbox(
        "Weights of the steps", list(WEIGHTS), key="run_rule", help=WORDS["step_rule"], **KEPT
    )
    asked: dict[str, Any] = {"weights": rule}
    if rule == "top-fraction":
        percent = right.number_input(
            "Steps up, %", 1, 100, 20, key="run_top", help=WORDS["step_rule"], **KEPT
        )
        asked["top"] = percent / 100
    else:
        asked["temperature"] = right.number_input(
            "Temperature",
            0.01,
            100.0,
            1.0,
            key="run_temperature",
            help=WORDS["step_temperature"],
            **KEPT,
        )
    absolute = left.toggle(
        "Rise in nats, undivided", key="absolute", help=WORDS["absolute"], **KEPT
    )
    return asked | {"absolute": absolute}
