"""The commands a page tells its reader to run next, with the real names filled in.

next_command("score", root=Path("runs"), model="math-tiny", parent="heads-exact-1a2b3c4d")
"""

from __future__ import annotations

import shlex
from pathlib import Path

DEMO = "workbench demo"
PARENT_OPTION = {"validate": "--heads", "score": "--heads", "select": "--scores"}


def next_command(stage: str, *, root: Path, model: str, parent: str = "", method: str = "") -> str:
    """The command that makes a run of `stage` from the run `parent` that it builds on.

    `method` is that of a score; CircuitSeer's where none is named.
    """
    method = method or "circuitseer"
    # The bundled model knows the bundled problems; others are asked what they may know.
    data = "generated" if model == "math-tiny" else "gsm8k"
    parts = {
        "heads": ["heads", "find", "--model", model, "--data", data],
        "validate": ["heads", "validate", "--model", model, "--data", data],
        "score": ["score", "--model", model, "--data", "gsm8k", "--method", method],
        "select": ["select", "--policy", "soft", "--fraction", "0.1"],
    }[stage]
    if parent and stage in PARENT_OPTION:
        parts = [*parts, PARENT_OPTION[stage], parent]
    return shlex.join(["workbench", *parts, "--runs", str(root)])
