import datetime
import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.config import digest
from workbench.data import NAMED, SHAPES, MalformedRow, detect_shape, to_sample
from workbench.errors import InputError
from workbench.types import Message

ROWS = {
    "messages": {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "1+1?"},
            {"role": "assistant", "content": "2"},
        ]
    },
    "sharegpt": {
        "conversations": [{"from": "human", "value": "1+1?"}, {"from": "gpt", "value": "2"}]
    },
    "alpaca": {"instruction": "Add.", "input": "1 and 1", "output": "2"},
    "prompt-completion": {"prompt": "1+1?", "completion": "2"},
    "problem-solution": {"problem": "1+1?", "solution": "2", "answer": "2"},
    "question-answer": {"question": "1+1?", "answer": "2"},
    "text": {"text": "One and one is two."},
    "prompt-text": {"prompt": "Write.", "text": "One and one is two."},
    "conversation": {
        "conversation": [{"role": "user", "content": "1+1?"}, {"role": "assistant", "content": "2"}]
    },
    "prompt-chosen": {"prompt": "1+1?", "chosen": "2", "rejected": "3"},
    "question-chosen": {"question": "1+1?", "chosen": "2", "rejected": "3"},
    "chosen": {
        "chosen": [{"role": "user", "content": "1+1?"}, {"role": "assistant", "content": "2"}],
        "rejected": [{"role": "user", "content": "1+1?"}, {"role": "assistant", "content": "3"}],
    },
    "s1k-1.1": {
        "question": "1+1?",
        "deepseek_thinking_trajectory": " ",
        "deepseek_attempt": "2",
        "solution": "2",
    },
    "s1k": {"question": "1+1?", "thinking_trajectories": [" "], "attempt": "2", "solution": "2"},
    "generations": {"problem": "1+1?", "generations": ["2", "3"], "solution": "It is 2."},
    "deepmath": {"question": "1+1?", "r1_solution_1": "2", "final_answer": "2"},
    "problem-generated_solution": {"problem": "1+1?", "generated_solution": "2"},
    "question-generated_solution": {"question": "1+1?", "generated_solution": "2"},
    "instruction-response": {"instruction": "1+1?", "context": "", "response": "2"},
    "query-response": {"query": "1+1?", "response": "2"},
    "question-response": {"question": "1+1?", "response": "2"},
    "prompt-response": {"prompt": "1+1?", "response": "2"},
    "question-solution": {"question": "1+1?", "solution": "2", "answer": "3"},
    "input-output": {"input": "1+1?", "output": "2"},
}
TEXTS = ("text", "prompt-text")


def sample_of(row, **options):
    return to_sample(row, 3, "file.jsonl", **options)


def test_there_is_an_example_of_every_shape():
    assert set(ROWS) == set(SHAPES)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_recognised_whatever_other_columns_there_are(shape):
    row = {"level": 3, "id": "x", **ROWS[shape], "subject": None}
    assert detect_shape(row) == NAMED[shape]
    sample = sample_of(row)
    assert (sample.shape, sample.row, sample.row_index) == (shape, row, 3)


@pytest.mark.parametrize("shape", sorted(set(SHAPES) - set(TEXTS)))
def test_every_shape_gives_up_its_prompt_and_completion(shape):
    sample = sample_of(ROWS[shape])
    prompts = {"messages": "Be brief.\n1+1?", "alpaca": "Add.\n1 and 1"}
    assert sample.prompt == prompts.get(shape, "1+1?")
    assert sample.completion == "2"


def test_plain_text_has_no_messages():
    sample = sample_of(ROWS["text"])
    assert sample.text == "One and one is two."
    assert sample.messages == ()


def test_an_alpaca_row_without_input_is_its_instruction():
    for empty in ("", None):
        row = {"instruction": "Add.", "input": empty, "output": "2"}
        assert sample_of(row).prompt == "Add."


def test_sharegpt_roles_become_ours():
    turns = [("system", "s"), ("human", "u"), ("gpt", "a")]
    row = {"conversations": [{"from": who, "value": what} for who, what in turns]}
    expected = (Message("system", "s"), Message("user", "u"), Message("assistant", "a"))
    assert sample_of(row).messages == expected


def test_every_turn_of_a_conversation_is_kept_and_only_the_last_answer_is_the_completion():
    turns = [("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d")]
    sample = sample_of({"messages": [{"role": r, "content": c} for r, c in turns]})
    assert sample.messages == tuple(Message(*turn) for turn in turns)
    assert (sample.prompt, sample.completion) == ("a\nb\nc", "d")


@pytest.mark.parametrize("solution", [{}, {"solution": None}, {"solution": ""}])
def test_a_problem_without_solution_is_a_prompt(solution):
    sample = sample_of({"problem": "1+1?", **solution})
    assert sample.prompt == "1+1?"
    assert not sample.has_completion


def test_empty_columns_do_not_hide_the_filled_ones():
    empty = {"messages": [], "prompt": None, "completion": "", "text": "t"}
    assert detect_shape(empty) == NAMED["text"]
    assert detect_shape({"prompt": "p", "question": "q", "answer": "a"}) == NAMED["question-answer"]


def test_a_shape_can_be_asked_for_against_the_signs():
    row = {"question": "q", "answer": "a", "text": "t"}
    assert sample_of(row).completion == "a"
    assert sample_of(row, shape="text").text == "t"


def test_the_name_that_is_said_of_a_prompt_of_turns_can_be_asked_for():
    row = {"prompt": [{"role": "user", "content": "1?"}], "completion": "2"}
    name = sample_of(row).shape
    assert name == "prompt-completion-turns"
    assert sample_of(row, shape=name).completion == "2"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({}, "unknown columns (none), name them (--prompt-column and --completion-column, or"),
        ({"foo": 1, "bar": 2}, "unknown columns 'foo', 'bar', name them"),
        ({f"c{i}": i for i in range(20)}, "'c7', and 12 more, name them"),
        ({"problem": None, "solution": "s"}, "problem is null"),
        ({"prompt": "", "completion": "c"}, "prompt is empty"),
        ({"prompt": " \n", "completion": "c"}, "prompt is empty"),
        ({"prompt": 7, "completion": "c"}, "prompt is a number, expected text"),
        ({"prompt": "p", "completion": True}, "completion is true or false, expected text"),
        ({"question": "q", "answer": ["a"]}, "answer is a list, expected text"),
        ({"text": {"a": 1}}, "text is an object, expected text"),
        ({"text": ""}, "text is empty"),
        ({"text": "a\ud800"}, "text holds half a surrogate pair"),
        ({"messages": "hello"}, "messages is text, expected a list of turns"),
        ({"messages": []}, "messages is empty"),
        ({"messages": ["hello"]}, "turn 1 of messages is text, expected an object"),
        (
            {"messages": [{"role": "critic", "content": "x"}]},
            "turn 1 of messages has the role 'critic'",
        ),
        ({"messages": [{"content": "x"}]}, "turn 1 of messages has the role None"),
        ({"messages": [{"role": ["user"], "content": "x"}]}, "has the role ['user']"),
        ({"messages": [{"role": "user", "content": None}]}, "turn 1 of messages has no content"),
        ({"messages": [{"role": "user"}]}, "turn 1 of messages has no value"),
        ({"messages": [{"role": "user", "content": [1]}]}, "content is a list, expected text"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "there is no prompt before"),
        (
            {"conversations": [{"from": "bot", "value": "x"}]},
            "turn 1 of conversations has the role",
        ),
        ([1, 2], "the row is a list, expected an object with named columns"),
        (None, "the row is null, expected an object"),
    ],
)
def test_a_row_without_usable_text_says_why(row, reason):
    with pytest.raises(MalformedRow, match=re.escape(reason)) as caught:
        sample_of(row)
    assert caught.value.reason == str(caught.value)


def test_an_unknown_shape_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"row shape is 'chatml', expected one of messages, share"):
        sample_of({"text": "t"}, shape="chatml")


def test_a_missing_column_of_an_asked_shape_is_named():
    with pytest.raises(MalformedRow, match="question is missing"):
        sample_of({"text": "t"}, shape="question-answer")


@pytest.mark.parametrize(("own", "expected"), [("a", "a"), (7, "7"), (0, "0"), (2.5, "2.5")])
def test_the_rows_own_id_is_the_row_id(own, expected):
    assert sample_of({"id": own, "text": "t"}).row_id == expected


@pytest.mark.parametrize("own", [None, "", float("nan"), [1]])
def test_a_row_without_a_usable_id_is_known_by_its_content(own):
    row = {"id": own, "text": "t"}
    assert re.fullmatch("[0-9a-f]{64}", sample_of(row).row_id)
    assert sample_of(row).row_id != sample_of({**row, "text": "u"}).row_id


def test_the_content_id_is_the_sha256_of_the_canonical_json():
    row = {"text": "t", "level": 3}
    assert sample_of(row).row_id == digest(row) == sample_of(dict(reversed(row.items()))).row_id


def test_rows_that_json_cannot_hold_have_an_id_too():
    row = {"text": "t", "seen": datetime.date(2024, 1, 2), "loss": float("inf"), "raw": b"x"}
    assert sample_of(row).row_id == sample_of(dict(row)).row_id


@pytest.mark.parametrize(
    ("own", "expected"), [("web", "web"), ("", "file.jsonl"), (3, "file.jsonl")]
)
def test_the_rows_own_source_counts_if_it_is_text(own, expected):
    assert sample_of({"source": own, "text": "t"}).source == expected


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
COLUMNS = st.sampled_from(sorted({"id", "source", "answer"}.union(*ROWS.values())))


@given(st.dictionaries(COLUMNS, VALUES, max_size=5))
def test_any_row_is_a_sample_with_a_prompt_or_malformed(row):
    with suppress(MalformedRow):
        assert sample_of(row).prompt.strip()
