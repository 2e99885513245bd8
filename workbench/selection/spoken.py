"""The turns of a row in a file of their own, where the row's columns would mislead a trainer.

row = learned(sample, "last")
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.data import json_bytes
from workbench.types import Sample

MESSAGES = "messages.jsonl"
TRAIN = "train"
"""Field of a turn that says whether axolotl learns it."""


def learned(sample: Sample, turns: str) -> dict[str, Any]:
    """The turns of a sample for axolotl; with `last` each answer says whether it is learned.

    Arguments of calls and the functions are JSON text: a table would give each row the keys of all.
    """
    last = len(sample.messages) - 1
    said: list[dict[str, Any]] = [
        {"role": m.role, "content": m.content, **_packed(m.more or {})} for m in sample.messages
    ]
    for place, turn in enumerate(said):
        if turns == "last" and turn["role"] == "assistant":
            turn[TRAIN] = place == last
    tools = {"tools": _text(list(sample.tools))} if sample.tools else {}
    return {"messages": said, **tools}


def _packed(value: Any) -> Any:
    if isinstance(value, list):
        return [_packed(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    return {k: _text(v) if k == "arguments" else _packed(v) for k, v in value.items()}


def _text(value: Any) -> str:
    return json_bytes(value).decode()
