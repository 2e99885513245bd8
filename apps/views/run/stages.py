"""The stages that the Run page can start, each with the form that makes its command.

arguments = STAGES["score"].ask()      # draws the form; ["score", "--model=math-tiny", ...]
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from apps.jobs.plan import Stage
from apps.reading.workspace import own_root
from apps.views.run.amplify_form import ask_amplify
from apps.views.run.circuit_forms import ask_heads, ask_probe, ask_validate
from apps.views.run.score_form import ask_score
from apps.views.run.trial_form import ask_trial
from apps.views.run.tune_form import ask_tune


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
    "tune": Stage("Tune", "A model trained on an export, plainly or by steps", ask_tune),
    "trial": Stage("Trial", "Does a selection teach more than random rows?", ask_trial),
    "amplify": Stage("Amplify", "What decides a failing task, strengthened", ask_amplify),
}
