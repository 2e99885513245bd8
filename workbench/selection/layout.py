"""Where in an exported row the prompt and the answer stand, as trainers need to be told.

layout = row_layout(row, shape_of_export(sample, "jsonl"))
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.data import NAMED, REASONING, Shape
from workbench.data.turns import ROLES
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


def row_layout(row: Mapping[str, Any], shape: str) -> Layout | None:
    """The layout of one row of the given shape; None where columns alone do not say what was read.

    A system prompt in a column of its own, reasoning, generations: no trainer is told of these.
    """
    known = NAMED.get(shape)
    if known is None or any(row.get(column) for column in (*known.system, known.history)):
        return None
    if known.text:
        return TextLayout(known.text)
    if known.turns:
        return _turns_layout(row, known.turns)
    return None if known.reasoning or known.generations else _pair_layout(row, known)


def _pair_layout(row: Mapping[str, Any], shape: Shape) -> PairLayout | None:
    prompt, *others = shape.prompt
    extra = [column for column in others if column in row]
    turns = [isinstance(row.get(column), list) for column in (prompt, shape.completion)]
    if len(extra) > 1 or any(turns):
        return None
    return PairLayout(prompt, shape.completion, *extra)


def _turns_layout(row: Mapping[str, Any], column: str) -> TurnsLayout | None:
    turns = row[column]
    if not isinstance(turns, list) or not all(_is_plain(turn) for turn in turns):
        return None
    role = "role" if "role" in turns[0] else "from"
    content = "content" if "content" in turns[0] else "value"
    # A speaker who says nothing in this row is called as the column's spelling has it.
    names = {"user": "human", "assistant": "gpt"} if role == "from" else {}
    for turn in reversed(turns):
        names[ROLES[turn[role]]] = turn[role]
    user, assistant = (names.get(speaker, speaker) for speaker in ("user", "assistant"))
    return TurnsLayout(column, role, content, user, assistant)


def _is_plain(turn: Any) -> bool:
    """Text under a role that trainers know, and nothing that was read beside it."""
    fields = (*REASONING, "tool_calls")
    role, content = turn.get("role", turn.get("from")), turn.get("content", turn.get("value"))
    is_known = role in ("system", "user", "assistant", "human", "gpt")
    return is_known and isinstance(content, str) and not any(turn.get(f) for f in fields)
