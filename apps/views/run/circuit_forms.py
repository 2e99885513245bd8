"""The forms of the stages that find a circuit and hold it against chance: probe, heads, validate.

ask_heads()      # ["heads", "find", "--model=math-tiny", "--data=generated", "--method=race", ...]
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from apps.jobs.form import Face, flags_of, form
from apps.views.run.inputs import (
    KEPT,
    SEED,
    choose_data,
    choose_model,
    choose_parent,
    flags,
    model_of,
)
from apps.widgets.runs import workspace
from apps.words.numbers import WORDS
from workbench.errors import InputError
from workbench.options import (
    HeadsOptions,
    ProbeOptions,
    RetrievalOptions,
    RobustOptions,
    SettingsOptions,
    ValidateOptions,
    records,
)

EXACT, RETRIEVAL, ROBUST = "exact", "retrieval", "robust"
BUILT = "built from data"
# Runs that measured every head, which a robust circuit may stand on.
FOUND = ("heads-exact", "heads-race", "heads-screen")
PROBE = {
    "strategy": Face("Strategy", WORDS["strategy"], key="strategy"),
    "n": Face("Samples", WORDS["n_probe"], start=100, key="n_probe"),
    "trim": Face("Trim the worst, %", WORDS["trim"], start=0.02, key="trim"),
    "by": Face("Column to stratify by", key="by"),
    **SEED,
}
CIRCUIT = {
    "fraction": Face("Share of heads in the circuit, %", WORDS["circuit"], key="fraction"),
    "min_heads": Face("At least so many heads", WORDS["min_heads"], start=3, key="min_heads"),
    **SEED,
}
HEADS = CIRCUIT | {
    "rank": Face("Rank by", WORDS["rank_by"], key="rank"),
    "confidence": Face(help=WORDS["confidence"]),
    "tolerance": Face(help=WORDS["race_tolerance"]),
    "first": Face("Samples to begin with", WORDS["race_first"]),
    "control_n": Face("Plain texts"),
}
RETRIEVE = CIRCUIT | {"n": Face("Samples", WORDS["n_probe"], start=60, key="n_heads_probe")}
SETTINGS = CIRCUIT | {
    "n": Face("Samples of a probe", WORDS["n_probe"], start=60, key="n_robust"),
    "probes": Face("Draws from each source"),
    "kinds": Face("Kinds of ablation"),
}
VALIDATE = {
    "n": Face("Samples", WORDS["n_probe"], start=60, key="n_validate"),
    "random": Face("Random sets", WORDS["p_loss"], key="n_random"),
    "decode_n": Face("Samples answered by decoding"),
    "curve_n": Face("Samples of the knock-out curve"),
    "control_n": Face("Plain texts", start=30),
    **SEED,
}


def ask_probe() -> list[str]:
    chosen = {"model": choose_model(), **choose_data("generated")}
    asked = ("strategy", "n", "trim", "seed")
    answers = form(ProbeOptions, keep="probe", only=asked, faces=PROBE)
    if answers["strategy"] == "stratified":
        answers |= form(ProbeOptions, keep="probe", only=["by"], faces=PROBE)
    return ["probe", "build", *flags(chosen), *flags_of(ProbeOptions, answers)]


def ask_heads() -> list[str]:
    (record,) = records(HeadsOptions, "method")
    method = st.selectbox(
        "Method",
        [*record.choices, RETRIEVAL, ROBUST],
        key="heads_method",
        bind="query-params",
        help=WORDS["heads_method"],
    )
    if method == ROBUST:
        return _ask_robust()
    return _ask_retrieval() if method == RETRIEVAL else _ask_ablation(str(method))


def _ask_retrieval() -> list[str]:
    """No head is touched, so there is neither probe nor control."""
    chosen = {"model": choose_model(), **choose_data("text")}
    first = ("fraction", "min_heads", "n", "seed")
    answers = form(RetrievalOptions, keep=RETRIEVAL, first=first, faces=RETRIEVE)
    return ["heads", "retrieve", *flags(chosen), *flags_of(RetrievalOptions, answers)]


def _ask_robust() -> list[str]:
    """What finished runs agree on, and settings that are run where none is finished."""
    runs = {run.title: run for run in workspace().finished("heads") if run.stage in FOUND}
    names = st.multiselect("Runs", list(runs), key="robust_runs", help=WORDS["robust_runs"], **KEPT)
    is_asked = st.toggle(
        "Also other probes of data", not names, key="robust_data", help=WORDS["robust_data"], **KEPT
    )
    if not (names or is_asked):
        raise InputError("neither a run nor data is named", expected="runs on one model, or data")
    chosen = model_of(runs[names[0]]) if names else {"model": choose_model()}
    answers = form(RobustOptions, keep=ROBUST)
    more = []
    if is_asked:
        chosen |= choose_data("generated")
        asked = ("n", "probes", "fraction", "min_heads", "kinds")
        settings = form(SettingsOptions, keep=ROBUST, only=asked, faces=SETTINGS)
        more = flags_of(SettingsOptions, settings)
    heads = [f"--heads={runs[name].folder.resolve()}" for name in names]
    return ["heads", "robust", *flags(chosen), *heads, *flags_of(RobustOptions, answers), *more]


def _ask_ablation(method: str) -> list[str]:
    raced = () if method == EXACT else ("confidence", "tolerance", "first")
    asked = ("fraction", "min_heads", "rank", "ablation", *raced, "seed")
    answers = {"method": method, **form(HeadsOptions, keep="heads", only=asked, faces=HEADS)}
    is_asked = st.toggle("Also on plain text", key="heads_control", help=WORDS["control"], **KEPT)
    control = "text" if is_asked or answers["rank"] == "contrast" else None
    if control is not None:
        answers |= form(HeadsOptions, keep="heads", only=["control_n"], faces=HEADS)
    chosen = _ask_probe_of_heads() | {"control": control}
    return ["heads", "find", *flags(chosen), *flags_of(HeadsOptions, answers)]


def _ask_probe_of_heads() -> dict[str, Any]:
    """A finished probe with its model, or data that the command builds one from."""
    probes = {run.title: run for run in workspace().finished("probe")}
    source = st.selectbox("Probe", [*probes, BUILT], key="probe", help=WORDS["probe"], **KEPT)
    if source in probes:
        return {**model_of(probes[source]), "probe": probes[source].folder.resolve()}
    chosen = {"model": choose_model(), **choose_data("generated")}
    n = st.number_input(
        "Samples", 1, 100_000, 60, key="n_heads_probe", help=WORDS["n_probe"], **KEPT
    )
    return chosen | {"n": int(n)}


def ask_validate() -> list[str]:
    parent = choose_parent("heads", "Circuit")
    chosen = {**model_of(parent), "heads": parent.folder.resolve()}
    chosen |= choose_data("generated")
    control = st.toggle("Also on plain text", True, key="control", help=WORDS["control"], **KEPT)
    first = ("n", "random", "seed")
    answers = form(ValidateOptions, keep="validate", first=first, faces=VALIDATE)
    chosen |= {"no-control": not control}
    return ["heads", "validate", *flags(chosen), *flags_of(ValidateOptions, answers)]
