"""The reasoning of a solution apart from its answer: where it begins, in text and in tokens."""

from __future__ import annotations

import pytest

from tests.scoring.test_score import row, text
from tests.support.checkpoints import byte_tokenizer
from workbench.answer_marks import answer_start
from workbench.errors import InputError
from workbench.models import render
from workbench.scoring import ScoreRequest, engine_for, score_shard
from workbench.types import Circuit, Head

PARTS = ("completion", "reasoning", "answer")

SOLUTIONS = {
    "<think>\n3 + 2 = 5\n</think>\n\nSo it is \\boxed{5}.": "\n\nSo it is \\boxed{5}.",
    "3 + 2 = <<3+2=5>>5\n#### 5": "\n#### 5",
    "First \\boxed{1}, in the end $x = \\boxed{\\frac{1}{2}}$.": " \\boxed{\\frac{1}{2}}$.",
    "We add. The answer is 5.": " answer is 5.",
    "We add.\n\n**Answer**\n5": "\n\n**Answer**\n5",
    "# Answer\nWe add 3 and 2.\nThat makes five.": None,
    "<think>no end": None,
    "</think> yes <think> again": None,
    "It is 5.": None,
}


@pytest.mark.parametrize("solution", SOLUTIONS)
def test_the_answer_begins_at_its_mark_with_the_blanks_before_it(solution):
    start = answer_start(solution)
    assert (None if start is None else solution[start:]) == SOLUTIONS[solution]


@pytest.mark.parametrize("chat", [True, False])
@pytest.mark.parametrize("solution", SOLUTIONS)
def test_reasoning_and_answer_are_the_completion_in_two(solution, chat):
    tokenizer = byte_tokenizer(chat=chat)
    rendered = render(row("a", "3 + 2?", solution), tokenizer)
    said = {
        part: tokenizer.decode(
            [i for i, c in zip(rendered.ids, rendered.counted(part), strict=True) if c]
        )
        for part in PARTS
    }
    assert said["answer"] == (SOLUTIONS[solution] or "")
    assert said["reasoning"] + said["answer"] == said["completion"] == solution
    whole, before, after = map(rendered.window, PARTS)
    assert (before[0], before[1], after[1]) == (whole[0], after[0], whole[1])


def test_plain_text_is_reasoning_and_has_no_answer():
    rendered = render(text("a", "We add. #### 5"), byte_tokenizer())
    assert rendered.counted("reasoning").all()
    assert not rendered.counted("answer").any()


def scores(model, rows, method, part):
    request = ScoreRequest.of(method, part=part)
    circuit = Circuit((Head(1, 0), Head(2, 2)), model.info)
    return score_shard(rows, request=request, engine=engine_for(model, request), circuit=circuit)


def test_the_loss_of_the_completion_is_that_of_its_two_parts_by_their_tokens(tiny_model):
    rows = [row("a", "3 + 2?", "3 + 2 = 5\n#### 5"), row("b", "3 + 2?", "It is 5.")]
    found = {part: scores(tiny_model, rows, "loss", part).rows for part in PARTS}
    n = {
        part: len(tiny_model.tokenizer(said)["input_ids"])
        for part, said in (
            ("completion", "3 + 2 = 5\n#### 5"),
            ("reasoning", "3 + 2 = 5"),
            ("answer", "\n#### 5"),
        )
    }
    whole, before, after = (found[part]["score"][0] * n[part] for part in PARTS)
    assert whole == pytest.approx(before + after, rel=1e-6)
    without = found["answer"].iloc[1]
    assert without["status"] == "too_short"
    assert without["reason"] == "0 tokens of answer, at least 1 are needed"
    assert found["reasoning"]["score"][1] == found["completion"]["score"][1]


def test_steps_of_the_reasoning_end_where_the_answer_begins(tiny_model):
    solution = "3 and 2 are pens.\n\nThat is 5.\n\n#### 5 pens"
    rows = [row("a", "How many?", solution)]
    whole, before = (scores(tiny_model, rows, "air", part).steps for part in PARTS[:2])
    assert before["end_char"].tolist() == [19, solution.index("\n\n####")]
    assert whole["end_char"].tolist() == [19, solution.index("####"), len(solution)]
    assert before["loss_base"][0] == pytest.approx(whole["loss_base"][0], rel=1e-6)


def test_a_method_that_reads_the_whole_completion_refuses_a_part_of_it():
    with pytest.raises(InputError, match="the part is 'answer', expected completion or reasoning"):
        ScoreRequest.of("air", part="answer")
