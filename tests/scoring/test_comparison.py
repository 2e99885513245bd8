"""Two scores of one pool: agreement, overlap, and the rows that change side."""

from __future__ import annotations

import pandas as pd
import pytest

from workbench.errors import InputError
from workbench.scoring import compare_scores

FIRST = pd.DataFrame(
    {"row_id": list("abcdef"), "score": [6.0, 5, 4, 3, 2, 1], "n_tokens": range(6)}
)
SECOND = pd.DataFrame({"row_id": list("cabfg"), "score": [9.0, 8, 1, 2, 7]})


def test_only_rows_that_both_have_scored_count():
    """Of a, b, c, f the halves are {a, b} and {c, a}: they share one of two."""
    compared = compare_scores(FIRST, SECOND, fraction=0.5)
    sides = dict(zip(compared.rows["row_id"], compared.rows["side"], strict=True))
    assert sides == {"a": "both", "b": "first only", "c": "second only", "f": "neither"}
    assert (compared.overlap, compared.by_chance) == (0.5, 0.5)
    # Ranks 4, 3, 2, 1 and 3, 1, 4, 2: sum of squared differences 10, so 1 - 60 / 60.
    assert compared.rank_correlation == pytest.approx(0)
    assert compared.rows["first"].tolist() == [1, 0.75, 0.5, 0.25]
    assert compared.rows["n_tokens"].tolist() == [0, 1, 2, 5]


def test_a_score_agrees_with_itself():
    compared = compare_scores(FIRST, FIRST, fraction=0.3)
    assert (compared.overlap, compared.rank_correlation) == (1, pytest.approx(1))
    assert set(compared.rows["side"]) == {"both", "neither"}


def test_a_row_of_the_same_id_and_other_content_is_another_row():
    other = FIRST.assign(row_sha256=["0", "1", "2", "3", "4", "!"], score=range(6))
    compared = compare_scores(FIRST.assign(row_sha256=list("012345")), other, fraction=0.5)
    assert compared.rows["row_id"].tolist() == list("abcde")
    assert "row_sha256" not in compared.rows
    with pytest.raises(InputError, match="no row in common"):
        compare_scores(FIRST.assign(row_sha256="0"), other.assign(row_sha256="1"), fraction=0.5)


def test_a_row_that_comes_twice_is_counted_once():
    twice = pd.concat([FIRST, FIRST])
    assert len(compare_scores(twice, twice, fraction=0.5).rows) == len(FIRST)


def test_runs_without_a_row_in_common_are_refused_in_words():
    with pytest.raises(InputError, match="no row in common"):
        compare_scores(FIRST, SECOND.assign(row_id=list("vwxyz")), fraction=0.1)
