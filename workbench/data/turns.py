"""Turns of a conversation as messages: whatever they call their roles and fields.

turns_of([{"from": "human", "value": "1 + 1?"}, {"from": "gpt", "value": "2"}], "conversations")

Reasoning of its own field goes into a think block at the head of the content, which is the form
that templates know; parts of text are put together, other parts are refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from workbench.data.values import MalformedRow, kind_of, text_of
from workbench.types import Message

ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "model": "assistant",
    "function_call": "assistant",
    "tool": "tool",
    "ipython": "tool",
    "function": "tool",
    "function_response": "tool",
    "observation": "tool",
}
"""What datasets call the speakers, in either case of letters."""

CALL = "function_call"
REASONING = ("reasoning_content", "thinking", "reasoning")
OF_TOOLS = ("name", "tool_call_id")


def turns_of(turns: Any, column: str) -> tuple[Message, ...]:
    """The messages in a list of turns, which may be JSON text; `column` names it in complaints."""
    turns = from_json(turns)
    if not isinstance(turns, list):
        raise MalformedRow(f"{column} is {kind_of(turns)}, expected a list of turns")
    if not turns:
        raise MalformedRow(f"{column} is empty")
    return tuple(_turn(turn, f"turn {i} of {column}") for i, turn in enumerate(turns, start=1))


def from_json(value: Any) -> Any:
    """A list written as JSON text, as CSV and some Parquet columns have it; else the value."""
    if not isinstance(value, str) or not value.lstrip().startswith("["):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def with_reasoning(reasoning: str | None, content: str) -> str:
    """The content behind its reasoning in a think block."""
    if not reasoning or not reasoning.strip():
        return content
    inner = reasoning.strip("\n")
    return f"<think>\n{inner}\n</think>\n\n{content}"


def functions_of(value: Any) -> tuple[Mapping[str, Any], ...]:
    """The functions in a column `tools`: a list, its JSON text, or a single one; none where empty.

    Those that stand by themselves, as LLaMA-Factory's and those of OpenAI's responses, are wrapped
    as OpenAI's chats have them: templates look for them there. Whoever changes what becomes of a
    function raises `workbench.types.TOOLS_READER`.
    """
    value = [value] if isinstance(value, Mapping) else from_json(value)
    if isinstance(value, str) and value.strip().lower() not in ("", "none", "null"):
        raise MalformedRow("tools is text, expected a list of functions or its JSON")
    return tuple(map(_function, value)) if isinstance(value, list) else ()


def _function(tool: Any) -> Any:
    if not isinstance(tool, Mapping):
        return tool
    # Arrow gives every object of a column the keys of all.
    filled = {key: value for key, value in tool.items() if value is not None}
    if "name" not in filled or "function" in filled:
        return filled
    return {"type": "function", "function": {k: v for k, v in filled.items() if k != "type"}}


def _turn(turn: Any, place: str) -> Message:
    if not isinstance(turn, Mapping):
        raise MalformedRow(f"{place} is {kind_of(turn)}, expected an object")
    said = turn.get("role", turn.get("from"))
    role = ROLES.get(said.lower()) if isinstance(said, str) else None
    if role is None:
        raise MalformedRow(f"{place} has the role {said!r}, expected one of {', '.join(ROLES)}")
    name = "content" if "content" in turn else "value"
    content = _content(turn, name, place)
    if said.lower() == CALL:
        return Message(role, "", {"tool_calls": [_call(content, place)]})
    reasoning = next((turn[field] for field in REASONING if turn.get(field)), None)
    more = _more(turn, role)
    if content is None and reasoning is None and "tool_calls" not in more:
        raise MalformedRow(f"{place} has no {name}")
    if isinstance(reasoning, str):
        content = with_reasoning(reasoning, content or "")
    return Message(role, content or "", more or None)


def _content(turn: Mapping[str, Any], name: str, place: str) -> str | None:
    value = turn.get(name)
    if isinstance(value, list) and value:
        return "".join(_part(part, name, place) for part in value)
    return text_of(turn, name)


def _part(part: Any, name: str, place: str) -> str:
    kind = part.get("type", "text") if isinstance(part, Mapping) else None
    if kind is None:
        raise MalformedRow(f"{name} is a list, expected text or parts of text")
    if kind != "text":
        raise MalformedRow(f"{place} holds a part of the type {kind!r}, expected text alone")
    return text_of(part, "text") or ""


def _more(turn: Mapping[str, Any], role: str) -> dict[str, Any]:
    if role == "tool":
        return {field: turn[field] for field in OF_TOOLS if isinstance(turn.get(field), str)}
    calls = from_json(turn.get("tool_calls"))
    if role != "assistant" or not isinstance(calls, list) or not calls:
        return {}
    return {"tool_calls": [_with_arguments(call) for call in calls]}


def _with_arguments(call: Any) -> Any:
    """A call whose arguments are an object: templates write JSON of them, not of JSON text."""
    if not isinstance(call, Mapping) or not isinstance(call.get("function"), Mapping):
        return call
    function = dict(call["function"])
    if isinstance(function.get("arguments"), str):
        try:
            function["arguments"] = json.loads(function["arguments"])
        except ValueError:
            return call
    return {**call, "function": function}


def _call(content: str | None, place: str) -> Mapping[str, Any]:
    """A ShareGPT call, which is the JSON of a name and arguments."""
    try:
        function = json.loads(content or "")
        known: Sequence[str] = ("name", "arguments")
        return _with_arguments(
            {"type": "function", "function": {name: function[name] for name in known}}
        )
    except (ValueError, KeyError, TypeError) as err:
        raise MalformedRow(f"{place} is no call (JSON of name and arguments)") from err
