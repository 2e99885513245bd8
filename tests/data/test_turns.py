"""Turns in other people's words: roles, parts, reasoning, calls of tools."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workbench.data import MalformedRow, read_samples, to_format, to_sample
from workbench.types import Sample

CALL = {"type": "function", "function": {"name": "f", "arguments": {"a": 1}}}


def messages_of(*turns):
    return to_sample({"messages": list(turns)}, 0, "here").messages


@pytest.mark.parametrize(
    ("said", "role"),
    [
        ("developer", "system"),
        ("User", "user"),
        ("human", "user"),
        ("bing", "assistant"),
        ("ChatGPT", "assistant"),
        ("model", "assistant"),
        ("ipython", "tool"),
    ],
)
def test_a_role_is_ours_whatever_it_is_called(said, role):
    first, _ = messages_of({"role": said, "content": "x"}, {"role": "user", "content": "y"})
    assert first.role == role


def test_other_parts_than_text_are_refused_with_their_type():
    parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {}}]
    with pytest.raises(MalformedRow, match="holds a part of the type 'image_url', expected text"):
        messages_of({"role": "user", "content": parts})


@pytest.mark.parametrize("field", ["reasoning_content", "thinking", "reasoning"])
def test_reasoning_of_its_own_field_stands_in_a_think_block(field):
    ask, say = {"role": "user", "content": "u"}, {"role": "assistant", "content": "c", field: "r"}
    assert messages_of(ask, say)[1].content == "<think>\nr\n</think>\n\nc"
    assert messages_of(ask, {**say, field: None})[1].content == "c"


@pytest.mark.parametrize("arguments", ['{"a": 1}', {"a": 1}])
def test_calls_are_kept_with_their_arguments_as_an_object(arguments):
    call = {"type": "function", "function": {"name": "f", "arguments": arguments}}
    _, called, result, _ = messages_of(
        {"role": "user", "content": "u"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "content": "1", "tool_call_id": "x"},
        {"role": "assistant", "content": "one"},
    )
    assert called.more == {"tool_calls": [CALL]}
    assert (result.role, result.more) == ("tool", {"tool_call_id": "x"})


def test_sharegpt_calls_are_the_same_calls():
    turns = [("human", "u"), ("function_call", json.dumps(CALL["function"])), ("observation", "1")]
    turns.append(("gpt", "one"))
    row = {"conversations": [{"from": who, "value": what} for who, what in turns], "tools": "[]"}
    sample = to_sample(row, 0, "here")
    assert sample.messages[1].more == {"tool_calls": [CALL]}
    assert [m.role for m in sample.messages] == ["user", "assistant", "tool", "assistant"]
    assert to_format(sample, "sharegpt")["conversations"] == row["conversations"]


FUNCTION = {"name": "f", "parameters": {"type": "object", "properties": {}}}
CONVERSATION = [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}]


@pytest.mark.parametrize(
    "tool",
    [
        FUNCTION,
        {"type": "function", **FUNCTION},
        {"type": "function", "function": FUNCTION},
        {"type": None, "function": None, **FUNCTION},
        {"type": "function", "function": FUNCTION, "name": None, "parameters": None},
    ],
    ids=["bare", "of responses", "wrapped", "bare in a table", "wrapped in a table"],
)
def test_every_spelling_of_a_function_is_one(tool):
    sample = to_sample({"messages": CONVERSATION, "tools": [tool]}, 0, "here")
    # Templates write keys in their order.
    assert json.dumps(sample.tools) == json.dumps([{"type": "function", "function": FUNCTION}])


def test_functions_in_two_spellings_are_read_alike_from_one_parquet_file(tmp_path):
    function = {"name": "f", "parameters": {"type": "object"}}
    wrapped, path = {"type": "function", "function": function}, tmp_path / "a.parquet"
    rows = [{"messages": CONVERSATION, "tools": [tool]} for tool in (function, wrapped)]
    pq.write_table(pa.Table.from_pylist(rows), path)
    tools = [row.tools for row in read_samples([str(path)]) if isinstance(row, Sample)]
    assert tools == [(wrapped,), (wrapped,)]


@pytest.mark.parametrize("of", [list, json.dumps])
def test_functions_by_themselves_are_wrapped_as_templates_look_for_them(of):
    bare, wrapped = {"name": "f"}, {"type": "function", "function": {"name": "f"}}
    turns = [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}]
    sample = to_sample({"messages": turns, "tools": of([bare, wrapped])}, 0, "here")
    assert sample.tools == (wrapped, wrapped)


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        (
            [{"role": "assistant", "content": "", "tool_calls": [CALL]}],
            "the last turn is a tool call",
        ),
        ([{"from": "function_call", "value": "f(1)"}], "turn 2 of messages is no call"),
    ],
)
def test_a_call_without_text_is_no_completion(turns, reason):
    with pytest.raises(MalformedRow, match=reason):
        messages_of({"role": "user", "content": "u"}, *turns)


def test_turns_may_be_json_text_as_csv_has_them():
    turns = [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}]
    sample = to_sample({"messages": json.dumps(turns)}, 0, "here")
    assert [tuple(m[:2]) for m in sample.messages] == [("user", "u"), ("assistant", "a")]


def test_what_trainers_do_not_know_is_exported_in_words_that_they_do():
    turns = [
        {"role": "developer", "content": "s"},
        {"role": "user", "content": [{"type": "text", "text": "u"}]},
        {"role": "assistant", "content": "a", "thinking": "t"},
    ]
    written = to_format(to_sample({"messages": turns}, 0, "here"), "messages")
    assert [turn["role"] for turn in written["messages"]] == ["system", "user", "assistant"]
    assert written["messages"][2]["content"] == "<think>\nt\n</think>\n\na"
    assert written["original_messages"] == turns


def test_tools_that_are_no_functions_are_not_passed_over():
    for text in ("not json", "calculator"):
        with pytest.raises(MalformedRow, match="tools is text, expected a list of functions"):
            to_sample({"messages": CONVERSATION, "tools": text}, 0, "here")
    for nothing in ("[]", "", "none", None):
        assert to_sample({"messages": CONVERSATION, "tools": nothing}, 0, "here").tools == ()
    alone = to_sample({"messages": CONVERSATION, "tools": FUNCTION}, 0, "here").tools
    assert alone == to_sample({"messages": CONVERSATION, "tools": [FUNCTION]}, 0, "here").tools
