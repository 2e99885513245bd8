"""The forms of the Run page: what a stage is asked, as arguments of its command.

arguments = STAGES["score"].ask()      # draws the form; ["score", "--model=math-tiny", ...]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from apps.pages.run.inputs import (
    choose_data,
    choose_model,
    choose_parent,
    choose_seed,
    flags,
    model_of,
)
from apps.reading.workspace import own_root
from apps.widgets.runs import workspace
from apps.words.numbers import WORDS
from workbench.scoring import NEEDS_HEADS, SCORERS, WEIGHTS

HEAD_METHODS = ("exact", "retrieval")
KEPT: dict[str, Any] = {"persist_state": "session"}


@dataclass(frozen=True)
class Stage:
    """One form; `explains` says whether the command can print its plan."""

    title: str
    what: str
    ask: Callable[[], list[str]]
    explains: bool = True


def ask_probe() -> list[str]:
    model, data = choose_model(), choose_data("generated")
    left, right = st.columns(2)
    strategy = left.selectbox(
        "Strategy",
        ["highest-loss", "random", "stratified"],
        key="strategy",
        help=WORDS["strategy"],
        **KEPT,
    )
    n = right.number_input("Samples", 1, 100_000, 100, key="n_probe", help=WORDS["n_probe"], **KEPT)
    trim = left.number_input("Trim the worst, %", 0, 50, 2, key="trim", help=WORDS["trim"], **KEPT)
    by = None
    if strategy == "stratified":
        by = right.text_input("Column to stratify by", key="by", **KEPT) or None
    return [
        "probe",
        "build",
        *flags({"model": model, "data": data, "strategy": strategy, "n": int(n), "by": by}),
        *flags({"trim": trim / 100 if trim else None, "seed": choose_seed()}),
    ]


def ask_heads() -> list[str]:
    left, right = st.columns(2)
    method = left.selectbox(
        "Method",
        HEAD_METHODS,
        key="heads_method",
        bind="query-params",
        help=WORDS["heads_method"],
    )
    fraction = right.number_input(
        "Share of heads in the circuit, %", 1, 100, 5, key="fraction", help=WORDS["circuit"], **KEPT
    )
    least = left.number_input(
        "At least so many heads", 1, 100, 3, key="min_heads", help=WORDS["min_heads"], **KEPT
    )
    rank = control = None
    if method != "retrieval":
        rank = right.selectbox(
            "Rank by", ["delta", "contrast"], key="rank", help=WORDS["rank_by"], **KEPT
        )
        is_asked = left.toggle(
            "Also on plain text", key="heads_control", help=WORDS["control"], **KEPT
        )
        control = "text" if is_asked or rank == "contrast" else None
    probes = (
        {} if method == "retrieval" else {run.title: run for run in workspace().finished("probe")}
    )
    source = st.selectbox(
        "Probe", [*probes, "built from data"], key="probe", help=WORDS["probe"], **KEPT
    )
    if source in probes:
        chosen = {**model_of(probes[source]), "probe": probes[source].folder.resolve()}
    else:
        model = choose_model()
        data = choose_data("text" if method == "retrieval" else "generated")
        n = right.number_input(
            "Samples", 1, 100_000, 60, key="n_heads_probe", help=WORDS["n_probe"], **KEPT
        )
        chosen = {"model": model, "data": data, "n": int(n)}
    return [
        "heads",
        "find",
        *flags({**chosen, "method": method, "rank": rank, "control": control}),
        *flags({"fraction": fraction / 100, "min-heads": int(least), "seed": choose_seed()}),
    ]


def ask_validate() -> list[str]:
    parent = choose_parent("heads", "Circuit")
    model, data = model_of(parent), choose_data("generated")
    left, right = st.columns(2)
    n = left.number_input(
        "Samples", 1, 100_000, 60, key="n_validate", help=WORDS["n_probe"], **KEPT
    )
    random = right.number_input(
        "Random sets", 1, 1_000, 50, key="n_random", help=WORDS["p_loss"], **KEPT
    )
    control = left.toggle("Also on plain text", True, key="control", help=WORDS["control"], **KEPT)
    return [
        *("heads", "validate"),
        *flags({**model, "heads": parent.folder.resolve(), "data": data, "n": int(n)}),
        *flags({"random": int(random), "no-control": not control, "control-n": 30}),
        *flags({"seed": choose_seed()}),
    ]


def ask_score() -> list[str]:
    left, right = st.columns(2)
    method = left.selectbox(
        "Method", list(SCORERS), key="method", bind="query-params", help=WORDS["method"]
    )
    variant = None
    if method == "circuitseer":
        variant = right.selectbox(
            "Variant", ["excess", "paper", "cv2"], key="variant", help=WORDS["variants"], **KEPT
        )
    if method in NEEDS_HEADS:
        parent = choose_parent("heads", "Circuit")
        chosen = {**model_of(parent), "heads": parent.folder.resolve()}
    else:
        chosen = {"model": choose_model()}
    data = choose_data("gsm8k")
    own = _ask_steps() if method == "air" else _ask_part(str(method))
    return [
        "score",
        *flags({**chosen, "data": data, "method": method, "variant": variant}),
        *flags(own),
        *flags({"seed": choose_seed()}),
    ]


def _ask_part(method: str) -> dict[str, Any]:
    left, right = st.columns(2)
    part = None
    if method != "ifd":
        part = left.selectbox(
            "Part",
            ["the method's own", "prompt", "completion", "all"],
            key="part",
            help=WORDS["part"],
            **KEPT,
        )
    drop_sink = method == "circuitseer" and right.toggle(
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


def ask_demo() -> list[str]:
    st.caption("Six runs and an export on the bundled model and data: minutes on two cores.")
    return ["demo", f"--out={_demo_folder()}"]


def _demo_folder() -> Path:
    """The demo writes a folder `runs` into this one."""
    root = own_root().resolve()
    return root.parent if root.name == "runs" else root


STAGES = {
    "demo": Stage("Demo", "The whole chain on what comes along", ask_demo, explains=False),
    "probe": Stage("Probe", "The samples a circuit is looked for on", ask_probe),
    "heads": Stage("Heads", "What each head is worth, and the circuit", ask_heads),
    "validate": Stage("Validate", "The circuit against random heads", ask_validate),
    "score": Stage("Score", "One number for each row of a dataset", ask_score),
}
