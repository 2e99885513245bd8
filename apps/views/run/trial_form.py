"""The form of the stage trial: saved selections, rows to measure on, how much is trained.

ask_trial()      # ["trial", "--model=math-tiny", "--selections=runs/select-...", ...]
"""

from __future__ import annotations

import streamlit as st

from apps.jobs.form import Face, flags_of, form
from apps.views.run.inputs import KEPT, SEED, choose_data, choose_model, flags
from apps.widgets.runs import workspace
from apps.words.numbers import WORDS
from workbench.errors import InputError
from workbench.options import SpendOptions, TrialOptions, TuneOptions

FACES = {
    "seeds": Face("Trainings an arm"),
    "eval_n": Face("Rows measured", unset="all"),
    "tasks": Face("Tasks of lm-evaluation-harness"),
    "task_n": Face("Problems a task"),
    **SEED,
}
MEASURED = ("seeds", "tokens", "eval_n", "accuracy")
# No folder of tasks: they may name code, and a page names no paths.
ASKED = (*MEASURED, "tasks", "task_n", "seed")
TUNING = ("lora", "lora_rank", "lora_alpha", "lr", "schedule", "batch_size", "max_length")
TUNE = {"lora": Face("LoRA adapters"), "lr": Face("Learning rate")}


def ask_trial() -> list[str]:
    selections = _choose_selections()
    model, held_out = choose_model(), choose_data("gsm8k")
    options = form(TrialOptions, keep="trial", only=ASKED, first=MEASURED, faces=FACES)
    tuning = form(TuneOptions, keep="trial", only=TUNING, first=("lora", "lr"), faces=TUNE)
    TuneOptions(**tuning)
    with st.expander("Memory and time"):
        spent = form(SpendOptions, keep="trial")
    return [
        *("trial", *flags({"model": model}), *selections),
        *flags({("eval" if name == "data" else name): one for name, one in held_out.items()}),
        *flags_of(TrialOptions, options),
        *flags_of(TuneOptions, tuning),
        *flags_of(SpendOptions, spent),
    ]


def _choose_selections() -> list[str]:
    """One word a selection; all are to be of one pool, which the plan says where they are not."""
    runs = {run.title: run for run in workspace().finished("select")}
    if not runs:
        raise InputError("there is no saved selection", do="save one on Select & export first")
    names = st.multiselect(
        "Selections",
        list(runs),
        default=list(runs)[:1],
        key="trial_selections",
        help=WORDS["trial_selections"],
        **KEPT,
    )
    if not names:
        raise InputError("no selection is named", expected="one or more of one pool")
    return [f"--selections={runs[name].folder.resolve()}" for name in names]
