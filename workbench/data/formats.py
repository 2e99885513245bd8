"""Samples back into rows, in the formats that trainers read.

row = to_format(sample, "messages")
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from workbench.data.shapes import NAMED
from workbench.data.turns import CALL
from workbench.errors import InputError
from workbench.types import Message, Sample

SHAREGPT_ROLES = {"system": "system", "user": "human", "assistant": "gpt", "tool": "observation"}
OUR_ROLES = {"human": "user", "gpt": "assistant"}
PAIRS = {
    "prompt-completion": ("prompt", "completion"),
    "alpaca": ("instruction", "output", "input"),
}
FORMATS = ("jsonl", "parquet", "prompt-completion", "messages", "alpaca", "sharegpt")


def to_format(sample: Sample, fmt: str) -> dict[str, Any]:
    """`sample` as a row: the fields of `fmt`, and every original column.

    jsonl and parquet keep the row as it is. Elsewhere an original column whose name is needed is
    kept as `original_<name>`, unless it already holds what the format asks for. A system prompt and
    earlier turns stand in columns of their own, `system` and `history`, where a format has one
    prompt; turns that are no pairs of question and answer are joined by newlines there.
    """
    if fmt not in FORMATS:
        raise InputError(f"format is '{fmt}'", expected=f"one of {', '.join(FORMATS)}")
    if fmt in ("jsonl", "parquet"):
        return dict(sample.row)
    if sample.text is not None:
        raise InputError(
            f"row '{sample.row_id}' is plain text, which has no prompt and answer for '{fmt}'",
            do="export as jsonl or parquet",
        )
    fields = _fields(sample, fmt)
    if sample.shape == fmt and _says_the_same(sample):
        # The row already has this format, possibly in a richer form (alpaca's input).
        fields = {name: _first(sample.row.get(name), value) for name, value in fields.items()}
    return _with_original_columns(fields, sample)


def _fields(sample: Sample, fmt: str) -> dict[str, Any]:
    if fmt in PAIRS:
        return _pair_fields(sample, fmt)
    if fmt == "messages":
        turns = [{"role": m.role, "content": m.content, **(m.more or {})} for m in sample.messages]
        return {"messages": turns}
    return {"conversations": [turn for m in sample.messages for turn in _sharegpt(m)]}


def _pair_fields(sample: Sample, fmt: str) -> dict[str, Any]:
    prompt, completion, *empty = PAIRS[fmt]
    if any(message.more for message in sample.messages):
        raise InputError(
            f"row '{sample.row_id}' calls tools, for which '{fmt}' has no column",
            do="export as messages or sharegpt",
        )
    system, history, asked = _parted(sample.prompt_messages)
    before = {"system": system, "history": [list(pair) for pair in history]}
    return {
        prompt: asked,
        **dict.fromkeys(empty, ""),
        completion: sample.completion,
        # An empty one says that an original column of this name is not meant.
        **{k: value or None for k, value in before.items() if value or sample.row.get(k)},
    }


def _parted(turns: Sequence[Message]) -> tuple[str, list[tuple[str, str]], str]:
    """System prompt, pairs of question and answer, the question; all joined if that is not all."""
    has_system = turns[0].role == "system" and bool(turns[0].content.strip())
    *before, last = turns[has_system:] if len(turns) > 1 else turns
    roles = [message.role for message in (*before, last)]
    if roles != ["user", "assistant"] * (len(before) // 2) + ["user"] or not last.content.strip():
        return "", [], "\n".join(message.content for message in turns)
    said = [message.content for message in before]
    system = turns[0].content if has_system else ""
    return system, list(zip(said[::2], said[1::2], strict=True)), last.content


def _sharegpt(message: Message) -> list[dict[str, str]]:
    """The turn; a call of tools is one of its own for each function."""
    calls = (message.more or {}).get("tool_calls", ())
    turns = [{"from": CALL, "value": json.dumps(call["function"])} for call in calls]
    if message.content or not calls:
        turns.insert(0, {"from": SHAREGPT_ROLES[message.role], "value": message.content})
    return turns


def _says_the_same(sample: Sample) -> bool:
    """Whether the row's own columns say all that was read, and in words that trainers know."""
    column = NAMED[sample.shape].turns
    if not column:
        return True
    turns = sample.row[column]
    read = [(m.role, m.content) for m in sample.messages]
    if not isinstance(turns, list) or [_said(turn) for turn in turns] != read:
        return False
    # One speaker under two names, or turns of two spellings, are more than trainers can be told.
    kinds = {("role" in turn, "content" in turn) for turn in turns}
    names = {turn.get("role", turn.get("from")) for turn in turns}
    return len(kinds) == 1 and len(names) == len({role for role, _ in read})


def _said(turn: Mapping[str, Any]) -> tuple[Any, Any]:
    role = turn.get("role", turn.get("from"))
    return OUR_ROLES.get(role, role), turn.get("content", turn.get("value"))


def _first(own: Any, value: Any) -> Any:
    return value if own is None else own


def _with_original_columns(fields: dict[str, Any], sample: Sample) -> dict[str, Any]:
    row = dict(fields)
    for name, value in sample.row.items():
        if name not in fields:
            row[name] = value
        elif value is not None and value != fields[name]:
            kept = f"original_{name}"
            while kept in fields or kept in sample.row:
                kept = f"original_{kept}"
            row[kept] = value
    return row
