"""The form of the stage amplify: four commands, each on a run of the one before.

ask_amplify()      # ["amplify", "mask", "--model=math-tiny", "--pivots=runs/amplify-...", ...]
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from apps.jobs.form import Face, flags_of, form
from apps.views.run.inputs import SEED, choose_data, choose_model, choose_parent, flags, model_of
from workbench.options import LocalizeOptions, MaskOptions, ReportOptions, UpdateOptions

LOCALIZE = {
    "where": Face("Rows of the task"),
    "n": Face("Problems"),
    "n_samples": Face("Traces a problem"),
    **SEED,
}
MASK = {"l1": Face("Price of a component"), "lr": Face("Step size"), **SEED}
UPDATE = {
    "steps": Face("Gradient steps"),
    "lrs": Face("Step sizes"),
    "lora_lrs": Face("Step sizes of LoRA"),
    **SEED,
}
REPORT = {
    "n": Face("Problems of the task"),
    "n_other": Face("Other problems"),
    "controls": Face("Held against"),
    "lora_lrs": Face("Step sizes of LoRA"),
    **SEED,
}


def ask_amplify() -> list[str]:
    step = st.segmented_control(
        "Step", list(STEPS), default="localize", required=True, key="step", bind="query-params"
    )
    verb = step or "localize"
    return ["amplify", verb, *STEPS[verb]()]


def ask_localize() -> list[str]:
    chosen = {"model": choose_model(), **choose_data("generated")}
    first = ("where", "n", "rule", "n_samples", "seed")
    answers = form(LocalizeOptions, keep="localize", first=first, faces=LOCALIZE)
    return [*flags(chosen), *flags_of(LocalizeOptions, answers)]


def ask_mask() -> list[str]:
    first = ("l1", "lr", "epochs", "seed")
    parent = _ask_parent("localize", "Pivotal tokens", "pivots")
    answers = form(MaskOptions, keep="mask", first=first, faces=MASK)
    return [*parent, *flags_of(MaskOptions, answers)]


def ask_update() -> list[str]:
    first = ("variant", "steps", "lrs", "seed")
    parent = _ask_parent("mask", "Mask", "mask")
    answers = form(UpdateOptions, keep="update", first=first, faces=UPDATE)
    return [*parent, *flags_of(UpdateOptions, answers)]


def ask_report() -> list[str]:
    first = ("n", "n_other", "controls", "seed")
    parent = _ask_parent("update-mask", "Update", "update")
    answers = form(ReportOptions, keep="report", first=first, faces=REPORT)
    return [*parent, *flags_of(ReportOptions, answers)]


def _ask_parent(step: str, label: str, flag: str) -> list[str]:
    """The run of the step before, and the model that it was made with."""
    parent = choose_parent("amplify", label, only=f"amplify-{step}")
    return flags({**model_of(parent), flag: parent.folder.resolve()})


STEPS: dict[str, Callable[[], list[str]]] = {
    "localize": ask_localize,
    "mask": ask_mask,
    "update": ask_update,
    "report": ask_report,
}
