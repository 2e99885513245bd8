"""What `stages/score.py` still asks of a stage's frame, until it stands in `workbench.runs`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from workbench.data import fingerprint_sources, unreadable
from workbench.models import Model, ModelSource, batch_tokens
from workbench.runs import Outcome, Place, Run, Task, check_same_template, keep_facts
from workbench.runs.answer import halved_note

__all__ = [
    "ModelSource",
    "Outcome",
    "Place",
    "budget_of",
    "check_same_template",
    "data_inputs",
    "fitted",
    "keep_facts",
    "unreadable",
]


def data_inputs(data: Sequence[str]) -> dict[str, Any]:
    return {"data": fingerprint_sources(data)}


def budget_of(run: Run, model: Model, asked: int | None) -> int:
    return Task(run, Place(Path())).budget(asked, lambda: batch_tokens(model))


def fitted(run: Run, model: Model, text: str) -> str:
    return text + halved_note(run, model)
