"""Rows become tokens exactly as probe and scores see them; what cannot be trained on is counted."""

from __future__ import annotations

import numpy as np
import pytest

from tests.tuning.exports import ROWS, steps_of, write_steps
from workbench.data import to_sample
from workbench.errors import InputError
from workbench.models import render
from workbench.tuning import StepWeights, make_examples, read_steps
from workbench.types import BadRow, Message, Sample

SAMPLES = tuple(to_sample(row, i, "tests") for i, row in enumerate(ROWS))


@pytest.fixture(scope="module", params=[True, False], ids=["template", "no-template"])
def tokenizer(request, tiny):
    return tiny("llama", chat=request.param).tokenizer


def read(tmp_path, rows):
    return read_steps(write_steps(tmp_path / "steps.parquet", rows), StepWeights())


def test_the_tokens_are_those_of_the_workbenchs_rendering(tokenizer, samples):
    examples = make_examples(samples, tokenizer, n_ctx=96, end_token=False).rows
    for sample, example in zip(samples, examples, strict=True):
        rendered = render(sample, tokenizer)
        assert example.ids == rendered.ids
        assert np.array_equal(example.is_target, rendered.counted("completion"))
        assert tokenizer.decode(np.array(example.ids)[example.is_target]) == sample.completion


def test_the_token_behind_the_completion_is_learnt_too(tokenizer, samples):
    with_end = make_examples(samples, tokenizer, n_ctx=96).rows
    without = make_examples(samples, tokenizer, n_ctx=96, end_token=False).rows
    for one, other in zip(with_end, without, strict=True):
        assert one.n_targets == other.n_targets + 1
        assert one.ids[: len(other.ids)] == other.ids
        (end,) = np.flatnonzero(one.is_target[: len(other.ids)] != other.is_target).tolist() or [-1]
        # The template's newline, or the tokenizer's own end of text, which is added.
        expected = tokenizer.eos_token if end == -1 else "\n"
        assert tokenizer.decode([one.ids[end]]) == expected
        assert one.weights[end] == 1.0


def test_without_steps_every_target_weighs_one(tokenizer, samples):
    for example in make_examples(samples, tokenizer, n_ctx=96).rows:
        assert np.array_equal(example.weights, example.is_target.astype(float))


def test_the_weights_follow_the_steps(tokenizer, tmp_path):
    # One token a character: 16 of the first line, 13 of the second, mean weight 1.
    steps = read(tmp_path, steps_of(ROWS[1], (1.0, 3.0)))
    (example,) = make_examples([SAMPLES[1]], tokenizer, n_ctx=96, steps=steps, end_token=False).rows
    first = 29 / (16 + 3 * 13)
    weights = example.weights[example.is_target]
    assert weights.tolist() == pytest.approx([first] * 16 + [3 * first] * 13)
    assert example.weights[~example.is_target].tolist() == [0.0] * (len(example.ids) - 29)


def test_rows_without_steps_weigh_one_and_are_counted(tokenizer, tmp_path):
    steps = read(tmp_path, steps_of(ROWS[1], (1.0, 3.0)))
    examples = make_examples(SAMPLES[:3], tokenizer, n_ctx=96, steps=steps)
    assert examples.n_without_steps == 2
    assert set(examples.rows[0].weights) == {0.0, 1.0}
    assert len(set(examples.rows[1].weights)) == 4


def test_a_completion_whose_edges_the_template_cuts_keeps_its_steps(tiny, tmp_path):
    tokenizer = tiny("llama").tokenizer
    template = tokenizer.chat_template.replace("message['content']", "message['content'] | trim")
    row = {"id": "padded", "problem": "1 + 1?", "solution": "  first line\nsecond  "}
    sample = to_sample(row, 0, "tests")
    before = tokenizer.chat_template
    tokenizer.chat_template = template
    try:
        steps = read(tmp_path, steps_of(row, (1.0, 3.0)))
        (example,) = make_examples([sample], tokenizer, n_ctx=96, steps=steps, end_token=False).rows
    finally:
        tokenizer.chat_template = before
    heavy = np.flatnonzero(example.weights > 1)
    assert tokenizer.decode(np.array(example.ids)[heavy]) == "second"


def test_what_cannot_be_trained_on_is_left_out_with_a_reason(tiny_model):
    rows = [
        SAMPLES[0],
        BadRow("bad", 1, "tests", "line 2: not valid JSON"),
        to_sample({"id": "text", "text": "no answer here"}, 2, "tests"),
        to_sample({"id": "open", "prompt": "1 + 1?"}, 3, "tests"),
        to_sample({"id": "long", "prompt": "x" * 99, "completion": "y"}, 4, "tests"),
    ]
    examples = make_examples(rows, tiny_model.tokenizer, n_ctx=96)
    assert examples.counts == {"malformed": 1, "no_completion": 2, "ok": 1, "too_long": 1}
    assert examples.reasons["malformed"] == "row 'bad': line 2: not valid JSON"
    assert "it has 104 tokens, 96 are allowed" in examples.reasons["too_long"]
    assert [example.row_id for example in examples.rows] == ["sum-0"]


def test_no_completion_anywhere_is_refused(tiny_model):
    rows = [to_sample({"id": "text", "text": "no answer here"}, 0, "tests")]
    with pytest.raises(InputError, match=r"none of the 1 rows.* 'text': it has no completion"):
        make_examples(rows, tiny_model.tokenizer, n_ctx=96)


def test_steps_of_other_rows_are_refused(tiny_model, tmp_path):
    steps = read(tmp_path, [{**step, "row_id": "foreign"} for step in steps_of(ROWS[1], (1.0,))])
    with pytest.raises(InputError, match=r"holds none of the 8 rows \(first: 'sum-0'\)"):
        make_examples(SAMPLES, tiny_model.tokenizer, n_ctx=96, steps=steps)


def test_steps_that_reach_beyond_the_completion_are_refused(tiny_model, tmp_path):
    (step,) = steps_of(ROWS[0], (1.0,))
    steps = read(tmp_path, [{**step, "end_char": 500}])
    with pytest.raises(InputError, match=r"'sum-0' ends at character 500, expected at most 7"):
        make_examples(SAMPLES, tiny_model.tokenizer, n_ctx=96, steps=steps)


def test_a_conversation_is_trained_on_its_last_answer_only(tiny_model):
    turns = (("user", "1 + 1?"), ("assistant", "2"), ("user", "and 2 + 2?"), ("assistant", "four"))
    sample = Sample("talk", 0, "tests", "messages", tuple(Message(*turn) for turn in turns))
    (example,) = make_examples([sample], tiny_model.tokenizer, n_ctx=96, end_token=False).rows
    targets = np.array(example.ids)[example.is_target]
    assert tiny_model.tokenizer.decode(targets) == "four"


def test_rows_of_a_repeat_weight_export_are_read_as_often_as_they_say(tokenizer):
    marked = [{**row, "_repeat": 2 if i == 1 else 1} for i, row in enumerate(ROWS)]
    marked.append({**ROWS[0], "id": "broken", "_repeat": 0})
    samples = [to_sample(row, i, "tests") for i, row in enumerate(marked)]
    examples = make_examples(samples, tokenizer, n_ctx=96)
    ids = [example.row_id for example in examples.rows]
    assert [ids.count(sample.row_id) for sample in samples[:3]] == [1, 2, 1]
    assert examples.counts == {"malformed": 1, "ok": len(ROWS)}
    assert "_repeat is 0, expected a whole number" in examples.reasons["malformed"]
