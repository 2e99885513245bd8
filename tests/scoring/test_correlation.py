"""Rank correlations, against scipy and against residuals of ranks."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from workbench.scoring import correlations, numeric_labels, partial_spearman, spearman


def columns(seed: int, n: int = 40) -> list[pd.Series]:
    """Three columns with ties that hang together."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=n)
    return [pd.Series(np.round(common + rng.normal(size=n), 1)) for _ in range(3)]


@given(st.integers(0, 2**32))
def test_spearman_equals_scipy(seed):
    x, y, _ = columns(seed)
    assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)


@given(st.integers(0, 2**32))
def test_partial_correlation_is_that_of_rank_residuals(seed):
    x, y, z = (c.rank().to_numpy() for c in columns(seed))
    design = np.column_stack([np.ones(len(z)), z])

    def residual(ranks):
        return ranks - design @ np.linalg.lstsq(design, ranks, rcond=None)[0]

    expected = np.corrcoef(residual(x), residual(y))[0, 1]
    assert partial_spearman(*columns(seed)) == pytest.approx(expected)


def test_a_correlation_through_a_third_variable_alone_vanishes_with_it_held_fixed():
    rng = np.random.default_rng(0)
    cause = rng.normal(size=4000)
    x, y = (pd.Series(cause + rng.normal(size=4000)) for _ in range(2))
    raw, partial = spearman(x, y), partial_spearman(x, y, pd.Series(cause))
    assert raw is not None
    assert partial is not None
    assert raw > 0.4
    assert abs(partial) < 0.05


def test_missing_values_are_left_out_in_pairs():
    x = pd.Series([1.0, 2.0, None, 3.0, 4.0])
    y = pd.Series([1.0, 3.0, 9.0, 2.0, 4.0])
    assert spearman(x, y) == pytest.approx(stats.spearmanr([1, 2, 3, 4], [1, 3, 2, 4]).statistic)


def test_constants_and_too_few_pairs_have_no_correlation():
    some, constant = pd.Series([1.0, 2.0, 3.0]), pd.Series([5.0, 5.0, 5.0])
    assert spearman(some, constant) is None
    assert spearman(constant, some) is None
    assert spearman(some[:2], some[:2]) is None
    assert spearman(pd.Series([None] * 3, dtype=float), some) is None
    assert partial_spearman(some, constant, some) is None


def test_holding_a_constant_fixed_changes_nothing():
    x, y, _ = columns(3)
    assert partial_spearman(x, y, pd.Series(np.ones(len(x)))) == spearman(x, y)


def test_nothing_is_left_of_a_copy_of_what_is_held_fixed():
    x, y, _ = columns(3)
    assert partial_spearman(x, y, x) is None


def test_the_table_has_each_label_raw_and_with_length_held_fixed():
    x, y, z = columns(7)
    frame = pd.DataFrame({"score": x, "level": y, "n_tokens": z})
    frame.loc[3, "score"] = None
    (row,) = correlations(frame, columns=["score"], labels=["level"])
    kept = frame.dropna()
    assert row["score"] == "score"
    assert row["n"] == len(kept)
    assert row["length"] == pytest.approx(stats.spearmanr(kept.score, kept.n_tokens).statistic)
    assert row["level"] == pytest.approx(stats.spearmanr(kept.score, kept.level).statistic)
    assert row["level|length"] == partial_spearman(kept.score, kept.level, kept.n_tokens)


def test_labels_are_columns_of_at_least_two_numbers():
    frame = pd.DataFrame(
        {"level": [1, 2], "n_steps": [3.0, 3.0], "loss": ["a", "b"], "score": [1.0, 2.0]}
    )
    assert numeric_labels(frame) == ["level"]


@settings(max_examples=20)
@given(st.integers(0, 2**32))
def test_with_two_variables_fixed_it_is_that_of_the_residuals_of_both(seed):
    x, y, z = columns(seed)
    w = columns(seed + 1)[0]
    ranks = [column.rank().to_numpy() for column in (x, y)]
    design = np.column_stack([np.ones(len(x)), z.rank(), w.rank()])
    residuals = [r - design @ np.linalg.lstsq(design, r, rcond=None)[0] for r in ranks]
    expected = np.corrcoef(*residuals)[0, 1]
    assert partial_spearman(x, y, z, w) == pytest.approx(expected)
    assert partial_spearman(x, y, w, z) == pytest.approx(expected)


def test_nothing_is_left_where_one_of_two_that_are_fixed_is_a_copy():
    x, y, z = columns(5)
    assert partial_spearman(x, y, z, x) is None


def test_the_loss_is_held_fixed_beside_length_for_all_but_itself():
    x, y, z = columns(7)
    frame = pd.DataFrame({"score": x, "level": y, "n_tokens": z, "loss": columns(8)[0]})
    (row,) = correlations(frame, columns=["score"], labels=["level", "loss"], loss="loss")
    assert row["level|length,loss"] == partial_spearman(x, y, z, frame["loss"])
    assert row["length|loss"] == partial_spearman(x, z, frame["loss"])
    assert "loss|length,loss" not in row
