"""Where in an exported row the prompt and the answer stand, as trainers need to be told.

layout = row_layout(row, shape_of_export(sample, "jsonl"))
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from workbench.data import NAMED, REASONING, Shape
from workbench.data.rows import is_pairs
from workbench.data.turns import ROLES
from workbench.types import Sample


@dataclass(frozen=True)
class PairLayout:
    """A column for the prompt, one for the completion, perhaps for what is beside and before."""

    prompt: str
    completion: str
    extra: str | None = None
    system: str | None = None
    history: str | None = None


@dataclass(frozen=True)
class TurnsLayout:
    """A column of turns, the names of their two fields and of the two speakers."""

    column: str
    role: str
    content: str
    user: str
    assistant: str
    system: str | None = None


@dataclass(frozen=True)
class TextLayout:
    """One column of plain text."""

    column: str


@dataclass(frozen=True)
class CallsLayout:
    """Turns with calls of functions, which no columns tell: they stand in a file of their own."""


Layout = PairLayout | TurnsLayout | TextLayout | CallsLayout


def shape_of_export(sample: Sample, fmt: str) -> str:
    """The shape a sample's row has in the format `fmt`; jsonl and parquet keep its own."""
    return sample.shape if fmt in ("jsonl", "parquet") else fmt


def sample_layout(sample: Sample, row: Mapping[str, Any], fmt: str) -> Layout | None:
    """The layout of a sample whose row in the format `fmt` is `row`."""
    if sample.tools or any(message.more for message in sample.messages):
        return CallsLayout()
    return row_layout(row, shape_of_export(sample, fmt))


def row_layout(row: Mapping[str, Any], shape: str) -> Layout | None:
    """The layout of one row of the given shape; None where columns alone do not say what was read.

    Reasoning in a column of its own, generations: no trainer is told of these.
    """
    known = NAMED.get(shape)
    if known is None:
        return None
    if known.text:
        return TextLayout(known.text)
    system = next((column for column in known.system if row.get(column)), None)
    if known.turns:
        return _turns_layout(row, known.turns, system)
    if known.reasoning or known.generations:
        return None
    return _pair_layout(row, known, system)


def one_layout(layouts: Iterable[Layout | None]) -> Layout | None:
    """The layout of all rows, with what only some have (a system prompt); None if they differ.

    Where some call functions the turns of all are read from the file, however their rows differ.
    """
    first, *others = layouts = list(layouts)
    if CallsLayout() in layouts:
        return None if any(isinstance(one, TextLayout) for one in layouts) else CallsLayout()
    for other in others:
        first = _merged(first, other)
    return first


def _merged(a: Layout | None, b: Layout | None) -> Layout | None:
    if a is None or b is None or type(a) is not type(b):
        return None
    pairs = {name: (value, getattr(b, name)) for name, value in asdict(a).items()}
    if any(x != y and None not in (x, y) for x, y in pairs.values()):
        return None
    return type(a)(**{name: x if y is None else y for name, (x, y) in pairs.items()})


def _pair_layout(row: Mapping[str, Any], shape: Shape, system: str | None) -> PairLayout | None:
    prompt, *others = shape.prompt
    extra = [column for column in others if column in row]
    turns = [isinstance(row.get(column), list) for column in (prompt, shape.completion)]
    before = row.get(shape.history) if shape.history else None
    if len(extra) > 1 or any(turns) or isinstance(before, str):
        return None
    history = shape.history if before and is_pairs(before) else None
    return PairLayout(prompt, shape.completion, *extra, system=system, history=history)


def _turns_layout(row: Mapping[str, Any], column: str, system: str | None) -> TurnsLayout | None:
    turns = row[column]
    if not isinstance(turns, list) or not all(_is_plain(turn) for turn in turns):
        return None
    role = "role" if "role" in turns[0] else "from"
    content = "content" if "content" in turns[0] else "value"
    if not all(role in turn and content in turn for turn in turns):
        return None
    said = {turn[role] for turn in turns}
    # A speaker who says nothing in this row is called as the column's spelling has it.
    names = {"user": "human", "assistant": "gpt"} if role == "from" else {}
    names |= {ROLES[name]: name for name in said}
    if len({ROLES[name] for name in said}) < len(said):
        return None
    user, assistant = (names.get(speaker, speaker) for speaker in ("user", "assistant"))
    return TurnsLayout(column, role, content, user, assistant, system)


def _is_plain(turn: Any) -> bool:
    """Text under a role that trainers know, and nothing that was read beside it."""
    fields = (*REASONING, "tool_calls")
    role, content = turn.get("role", turn.get("from")), turn.get("content", turn.get("value"))
    is_known = role in ("system", "user", "assistant", "human", "gpt")
    return is_known and isinstance(content, str) and not any(turn.get(f) for f in fields)
