"""Trainers are told where a prompt and its answer stand, or nothing where columns do not say it."""

from __future__ import annotations

import pytest

from workbench.data import to_sample
from workbench.selection.layout import (
    CallsLayout,
    PairLayout,
    TextLayout,
    TurnsLayout,
    one_layout,
    row_layout,
    sample_layout,
)

ASK, SAY = {"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}


def layout_of(row):
    return row_layout(row, to_sample(row, 0, "here").shape)


@pytest.mark.parametrize(
    ("row", "layout"),
    [
        ({"question": "q", "solution": "s", "answer": "a"}, PairLayout("question", "solution")),
        ({"query": "q", "response": "r"}, PairLayout("query", "response")),
        (
            {"instruction": "i", "context": "c", "response": "r"},
            PairLayout("instruction", "response", "context"),
        ),
        ({"prompt": "p", "chosen": "c", "rejected": "r"}, PairLayout("prompt", "chosen")),
        ({"prompt": "p", "text": "t"}, TextLayout("text")),
        (
            {"question": "q", "response": "r", "system_prompt": "s"},
            PairLayout("question", "response", system="system_prompt"),
        ),
        (
            {"instruction": "i", "output": "o", "history": [["a", "b"]]},
            PairLayout("instruction", "output", history="history"),
        ),
        (
            {"prompt": "p", "completion": "c", "history": ["of", "it"]},
            PairLayout("prompt", "completion"),
        ),
        (
            {"system": "s", "conversations": [ASK, SAY]},
            TurnsLayout("conversations", "role", "content", "user", "assistant", "system"),
        ),
    ],
)
def test_a_pair_is_named_by_its_own_columns(row, layout):
    assert layout_of(row) == layout


@pytest.mark.parametrize(
    "row",
    [
        {"instruction": "i", "output": "o", "history": '[["a", "b"]]'},
        {"question": "q", "thinking_trajectories": ["t"], "attempt": "a", "solution": "s"},
        {"problem": "p", "generations": ["a", "b"]},
        {"prompt": [ASK], "completion": [SAY]},
        {"messages": [ASK, {**SAY, "reasoning_content": "r"}]},
        {"messages": [{**ASK, "role": "User"}, SAY]},
        {"messages": [ASK, {"from": "gpt", "value": "a"}]},
        {"messages": [ASK, SAY, {**ASK, "role": "human"}, SAY]},
        {"messages": [{**ASK, "content": [{"type": "text", "text": "u"}]}, SAY]},
    ],
)
def test_what_columns_alone_do_not_say_has_no_layout(row):
    assert layout_of(row) is None


def test_what_some_rows_have_is_told_of_all_and_a_contradiction_of_none():
    some, others = PairLayout("q", "a", system="s"), PairLayout("q", "a", history="h")
    assert one_layout([some, others, some]) == PairLayout("q", "a", system="s", history="h")
    assert one_layout([some, PairLayout("q", "a", system="t")]) is None
    assert one_layout([some, TextLayout("q")]) is None
    assert one_layout([some, None]) is None


def test_where_some_rows_call_functions_all_are_read_from_their_turns():
    pair = PairLayout("q", "a")
    assert one_layout([pair, CallsLayout()]) == CallsLayout()
    assert one_layout([CallsLayout(), None, pair]) == CallsLayout()
    assert one_layout([CallsLayout(), TextLayout("text")]) is None


@pytest.mark.parametrize("more", [{"tools": [{"name": "f"}]}, {}])
def test_functions_make_a_layout_also_where_none_is_called(more):
    sample = to_sample({"messages": [ASK, SAY], **more}, 0, "here")
    assert (sample_layout(sample, sample.row, "jsonl") == CallsLayout()) == bool(more)
