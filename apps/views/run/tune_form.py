"""The form of the stage tune: an export to learn, and the steps to weigh it by.

ask_tune()      # ["tune", "--model=math-tiny", "--export=exports/top", "--lora", ...]
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from apps.jobs.form import Face, flags_of, form
from apps.reading.exports import exports_in
from apps.reading.roots import allowed
from apps.reading.workspace import allowed_roots, own_root
from apps.views.run.inputs import KEPT, OTHER_FOLDER, SEED, choose_model, flags
from apps.widgets.runs import workspace
from apps.words.numbers import WORDS
from workbench.errors import InputError
from workbench.options import SpendOptions, StepWeights, TuneOptions

NO_STEPS = "none: every token counts alike"
TUNE = {"lora": Face("LoRA adapters"), "lr": Face("Learning rate"), **SEED}
STEPS = {
    "rule": Face("Weights of the steps", WORDS["step_rule"]),
    "temperature": Face("Temperature", WORDS["step_temperature"]),
    "top": Face("Steps up, %", WORDS["step_rule"]),
}


def ask_tune() -> list[str]:
    chosen = {"model": choose_model(), "export": _choose_export()}
    steps = _ask_steps()
    answers = form(TuneOptions, keep="tune", first=("lora", "epochs", "lr", "seed"), faces=TUNE)
    # Not every two values that are allowed go together.
    TuneOptions(**answers)
    with st.expander("Memory and time"):
        spent = form(SpendOptions, keep="tune")
    return [
        *("tune", *flags(chosen), *steps),
        *flags_of(TuneOptions, answers),
        *flags_of(SpendOptions, spent),
    ]


def _choose_export() -> Path:
    """A folder that the page Select & export has written, or another below the allowed roots."""
    folders = {path.name: path for path in exports_in(own_root().resolve().parent)}
    names = [*folders, OTHER_FOLDER]
    name = st.selectbox("Export", names, key="tune_export", help=WORDS["export"], **KEPT)
    if name in folders:
        return folders[name]
    text = st.text_input("Folder of the export", key="tune_folder", **KEPT)
    if not text:
        raise InputError("no export is named", expected="a folder written by Select & export")
    return allowed(text, allowed_roots())


def _ask_steps() -> list[str]:
    """Scores of steps to weigh the tokens by, and the rule, where there are any."""
    runs = {r.title: r for r in workspace().finished("score") if r.stage == "score-air"}
    names = [NO_STEPS, *runs]
    name = st.selectbox("Step scores", names, key="tune_steps", help=WORDS["steps_file"], **KEPT)
    if name not in runs:
        return []
    answers = form(StepWeights, keep="tune", faces=STEPS)
    return [*flags({"steps-file": runs[name].folder.resolve()}), *flags_of(StepWeights, answers)]
