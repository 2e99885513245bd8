"""The shapes a row of data comes in, and the one shape the workbench works on.

A shape says which columns hold the prompt and the answer. Rows of every shape become a `Sample`,
which keeps the original row, so that an export can return every column it came with.

    sample = to_sample({"problem": "1 + 1?", "solution": "2"}, 0, "sums.jsonl")
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from workbench.config import canonical_json, digest
from workbench.data.plain import plain
from workbench.errors import InputError
from workbench.types import Message, Sample

PAIRS = {
    "alpaca": ("instruction", "output"),
    "prompt-completion": ("prompt", "completion"),
    "problem-solution": ("problem", "solution"),
    "question-answer": ("question", "answer"),
}
"""Shapes of one prompt column and one completion column; the completion may be missing."""

TURNS = {"messages": "messages", "sharegpt": "conversations"}
"""Shapes of one column that lists turns."""

SHAPES = (*TURNS, *PAIRS, "text")

ROLES = {
    "system": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
}

SIGNS = (
    *((shape, (column,)) for shape, column in TURNS.items()),
    *PAIRS.items(),
    *((shape, (prompt,)) for shape, (prompt, _) in PAIRS.items()),
    ("text", ("text",)),
)
"""What a shape is known by, most telling first: a lone prompt counts only if no pair is there."""


class MalformedRow(ValueError):  # noqa: N818 - a fact about a row, not a failure of the program
    """The row has no usable text; `reason` says why."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


def detect_shape(row: Mapping[str, Any]) -> str | None:
    """The shape of `row`; columns that hold something count before columns that are empty."""
    filled = {name for name, value in row.items() if value not in (None, "", [])}
    for names in (filled, set(row)):
        for shape, columns in SIGNS:
            if names.issuperset(columns):
                return shape
    return None


def check_shape(shape: str | None) -> None:
    """Refuse a shape that does not exist; None means: tell the shapes apart row by row."""
    if shape is not None and shape not in SHAPES:
        raise InputError(
            f"row shape is '{shape}'",
            expected=f"one of {', '.join(SHAPES)}",
            do="leave it out to have the shape recognised",
        )


def to_sample(row: Any, row_index: int, source: str, shape: str | None = None) -> Sample:
    """The sample in `row`; `MalformedRow` if it has no usable text.

    `source` (a file or dataset name) is used when the row has no text column `source` of its own.
    """
    check_shape(shape)
    if not isinstance(row, Mapping):
        raise MalformedRow(f"the row is {_kind(row)}, expected an object with named columns")
    shape = shape or detect_shape(row)
    if shape is None:
        raise MalformedRow(f"unknown columns {_listed(row)}, expected one of {', '.join(SHAPES)}")
    sample = Sample(
        messages=() if shape == "text" else _messages(row, shape),
        text=_filled_text(row, "text") if shape == "text" else None,
        row_id=row_id(row),
        row_index=row_index,
        source=row_source(row, source),
        shape=shape,
        row=row,
    )
    if not sample.prompt.strip():
        raise MalformedRow("there is no prompt before the answer")
    return sample


def row_id(row: Mapping[str, Any]) -> str:
    """The row's own `id` as text, else the sha256 of its canonical JSON."""
    own = plain(row.get("id"))
    if isinstance(own, str | int | float) and own != "":
        return str(own)
    try:
        return digest(plain(row))
    except UnicodeEncodeError as err:
        raise MalformedRow("the row holds half a surrogate pair, which is not Unicode") from err


def row_content(row: Mapping[str, Any]) -> str:
    """The first half of the sha256 of the row's canonical JSON: what stood under its id."""
    text = canonical_json(plain(row))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def row_source(row: Mapping[str, Any], source: str) -> str:
    """Where the row says it came from, else `source`."""
    own = row.get("source")
    return own if isinstance(own, str) and own else source


def _messages(row: Mapping[str, Any], shape: str) -> tuple[Message, ...]:
    if shape in TURNS:
        return _turns(row, TURNS[shape])
    prompt_column, completion_column = PAIRS[shape]
    prompt = _filled_text(row, prompt_column)
    if shape == "alpaca" and (extra := _text(row, "input")):
        prompt = f"{prompt}\n\n{extra}"
    completion = _text(row, completion_column)
    answer = (Message("assistant", completion),) if completion else ()
    return (Message("user", prompt), *answer)


def _turns(row: Mapping[str, Any], column: str) -> tuple[Message, ...]:
    turns = row.get(column)
    if not isinstance(turns, list):
        raise MalformedRow(f"{column} is {_kind(turns)}, expected a list of turns")
    if not turns:
        raise MalformedRow(f"{column} is empty")
    return tuple(_turn(turn, f"turn {i} of {column}") for i, turn in enumerate(turns, start=1))


def _turn(turn: Any, place: str) -> Message:
    if not isinstance(turn, Mapping):
        raise MalformedRow(f"{place} is {_kind(turn)}, expected an object")
    role = turn.get("role", turn.get("from"))
    if not isinstance(role, str) or role not in ROLES:
        raise MalformedRow(f"{place} has the role {role!r}, expected one of {', '.join(ROLES)}")
    name = "content" if "content" in turn else "value"
    content = _text(turn, name)
    if content is None:
        raise MalformedRow(f"{place} has no {name}")
    return Message(ROLES[role], content)


def _text(row: Mapping[str, Any], column: str) -> str | None:
    value = row.get(column)
    if value is None:
        return None
    if not isinstance(value, str):
        raise MalformedRow(f"{column} is {_kind(value)}, expected text")
    try:
        value.encode()
    except UnicodeEncodeError as err:
        raise MalformedRow(f"{column} holds half a surrogate pair, which is not Unicode") from err
    return value


def _filled_text(row: Mapping[str, Any], column: str) -> str:
    value = _text(row, column)
    if value is None:
        raise MalformedRow(f"{column} is {'null' if column in row else 'missing'}")
    if not value.strip():
        raise MalformedRow(f"{column} is empty")
    return value


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    kinds = ((str, "text"), (int | float, "a number"), (list, "a list"), (Mapping, "an object"))
    return next((name for kind, name in kinds if isinstance(value, kind)), type(value).__name__)


def _listed(row: Mapping[str, Any], most: int = 8) -> str:
    names = [repr(name) for name in list(row)[:most]]
    more = [f"and {len(row) - most} more"] if len(row) > most else []
    return ", ".join([*names, *more]) or "(none)"
