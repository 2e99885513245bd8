"""Where in an exported row the prompt and the answer stand, as trainers need to be told.

layout = row_layout(row, shape_of_export(sample, "jsonl"))
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.data.shapes import PAIRS, ROLES, TURNS
from workbench.types import Sample


@dataclass(frozen=True)
class PairLayout:
    """One column for the prompt, one for the completion, perhaps one for further input."""

    prompt: str
    completion: str
    extra: str | None = None


@dataclass(frozen=True)
class TurnsLayout:
    """A column of turns, the names of their two fields, and of the two speakers."""

    column: str
    role: str
    content: str
    user: str
    assistant: str


@dataclass(frozen=True)
class TextLayout:
    """One column of plain text."""

    column: str


Layout = PairLayout | TurnsLayout | TextLayout


def shape_of_export(sample: Sample, fmt: str) -> str:
    """The shape a sample's row has in the format `fmt`; jsonl and parquet keep its own."""
    return sample.shape if fmt in ("jsonl", "parquet") else fmt


def row_layout(row: Mapping[str, Any], shape: str) -> Layout:
    """The layout of one row of the given shape."""
    if shape in TURNS:
        return _turns_layout(row, TURNS[shape])
    if shape in PAIRS:
        extra = "input" if shape == "alpaca" and "input" in row else None
        return PairLayout(*PAIRS[shape], extra)
    return TextLayout("text")


def _turns_layout(row: Mapping[str, Any], column: str) -> TurnsLayout:
    turns = row[column]
    role = "role" if "role" in turns[0] else "from"
    content = "content" if "content" in turns[0] else "value"
    # A speaker who says nothing in this row is called as the column's spelling has it.
    names = {"user": "human", "assistant": "gpt"} if role == "from" else {}
    for turn in reversed(turns):
        names[ROLES[turn[role]]] = turn[role]
    user, assistant = (names.get(speaker, speaker) for speaker in ("user", "assistant"))
    return TurnsLayout(column, role, content, user, assistant)
