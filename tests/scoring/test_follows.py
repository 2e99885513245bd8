"""What a score follows is told where it is more than length, and in the words of its direction."""

from __future__ import annotations

import pytest

from tests.scoring.test_score import row, scored, text
from workbench.models import render
from workbench.scoring import CONFOUNDS, FACTS, ScoreRequest, followed, summarize
from workbench.scoring.text_facts import facts_of


def summary(**correlations):
    own = {"score": "excess", "length": 0.0} | correlations
    return {"variant": "excess", "correlations": [{"score": "paper", "length": -0.9}, own]}


def test_length_is_told_and_what_comes_through_length_alone_is_not():
    through = {"n_steps_found": 0.8, "n_steps_found|length": 0.1}
    (found,) = followed(summary(length=0.9, **through))
    assert found.sentence == (
        "Spearman correlation with length +0.90: a high score also means a longer text."
    )


def test_what_goes_beyond_length_is_told_with_both_numbers():
    (found,) = followed(summary(step_tokens=-0.5, **{"step_tokens|length": -0.4}))
    assert found.sentence == (
        "Spearman correlation with tokens a step -0.50 (-0.40 with length held fixed): a high "
        "score also means shorter steps."
    )


@pytest.mark.parametrize("value", [None, 0.3, -0.3, 0.0])
def test_nothing_is_told_of_what_is_small_or_unknown(value):
    assert followed(summary(length=value)) == []
    assert followed({"variant": None, "correlations": []}) == []


def test_every_fact_of_a_row_has_words():
    assert set(CONFOUNDS) == {"length", *FACTS}


def test_the_facts_of_a_row_worked_by_hand(tiny_model):
    sample = row("a", "How many?", "He has 3 pens\nshe has 12")
    facts = facts_of(sample, render(sample, tiny_model.tokenizer))
    # One token a byte: 14 of the first line with its break, 10 of the second; 3 of 18 are digits.
    assert facts == {"n_steps_found": 2.0, "step_tokens": 12.0, "digit_share": 3 / 18}


def test_rows_without_a_solution_have_no_facts_and_still_a_score(tiny_model):
    rows = [row("a", "What?", ""), row("b", "What?", "it is 4"), text("c", "2 + 2 = 4")]
    frame = scored(rows, tiny_model, method="length")
    assert frame["status"].tolist() == ["ok"] * 3
    assert frame["n_steps_found"].isna().tolist() == [True, False, False]


def test_the_summary_holds_the_loss_fixed_where_it_is_known(tiny_model, samples):
    def correlations_of(method, **options):
        frame = scored(samples, tiny_model, method=method, **options)
        (own, _) = summarize(frame, ScoreRequest.of(method, **options), n_ctx=96)["correlations"]
        return own

    known = correlations_of("length", with_loss=True)
    assert {"length|loss", "digit_share|length", "digit_share|length,loss"} <= set(known)
    assert "loss|length,loss" not in known
    assert "length|loss" not in correlations_of("length")
    assert "length|loss" in correlations_of("aslec-drop")
    assert "length|loss" not in correlations_of("naturalness")


def test_the_summary_of_casl_tells_its_regression(tiny_model, samples):
    frame = scored(samples, tiny_model, method="aslec-casl")
    found = summarize(frame, ScoreRequest.of("aslec-casl"), n_ctx=96)
    assert set(found["regression"]) == {"n", "rest", "first", "gamma"}
