"""Samples back into rows, in the formats that trainers read.

row = to_format(sample, "messages")
"""

from __future__ import annotations

from typing import Any

from workbench.errors import InputError
from workbench.types import Sample

SHAREGPT_ROLES = {"system": "system", "user": "human", "assistant": "gpt"}
FORMATS = ("jsonl", "parquet", "prompt-completion", "messages", "alpaca", "sharegpt")


def to_format(sample: Sample, fmt: str) -> dict[str, Any]:
    """`sample` as a row: the fields of `fmt`, and every original column.

    jsonl and parquet keep the row as it is. Elsewhere an original column whose name is needed is
    kept as `original_<name>`, unless it already holds what the format asks for. Turns are joined
    by newlines where a format has room for one prompt only.
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
    if sample.shape == fmt:
        # The row already has this format, possibly in a richer form (alpaca's input).
        fields = {name: _first(sample.row.get(name), value) for name, value in fields.items()}
    return _with_original_columns(fields, sample)


def _fields(sample: Sample, fmt: str) -> dict[str, Any]:
    if fmt == "prompt-completion":
        return {"prompt": sample.prompt, "completion": sample.completion}
    if fmt == "alpaca":
        return {"instruction": sample.prompt, "input": "", "output": sample.completion}
    if fmt == "messages":
        return {"messages": [{"role": m.role, "content": m.content} for m in sample.messages]}
    turns = [{"from": SHAREGPT_ROLES[m.role], "value": m.content} for m in sample.messages]
    return {"conversations": turns}


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
