"""A selection against rows at random and rows of its own lengths: harder, or only longer?"""

from __future__ import annotations

import numpy as np
import pytest

from workbench.selection import MATCHED, RANDOM, control_draws, gap_of, verdict

RNG = np.random.default_rng(0)
N = 2_000
LENGTHS = RNG.integers(20, 400, N)
IDS = [f"r{i}" for i in range(N)]
LONGEST = np.argsort(-LENGTHS)[:200]


def test_controls_are_as_many_rows_and_the_matched_ones_as_long():
    draws = control_draws(LONGEST, LENGTHS, IDS)
    assert {name: len(set(rows.tolist())) for name, rows in draws.items()} == {
        RANDOM: 200,
        MATCHED: 200,
    }
    assert LENGTHS[draws[MATCHED]].mean() == pytest.approx(LENGTHS[LONGEST].mean(), rel=0.02)
    assert LENGTHS[draws[RANDOM]].mean() < 0.7 * LENGTHS[LONGEST].mean()


def test_what_only_length_brings_is_told_from_what_is_chosen():
    noise = RNG.normal(size=N)
    by_length = LENGTHS / 50 + noise
    draws = control_draws(LONGEST, LENGTHS, IDS)

    def said(values, rows):
        draws = control_draws(rows, LENGTHS, IDS)
        return verdict(values[rows], values[draws[RANDOM]], values[draws[MATCHED]])

    assert said(by_length, LONGEST) == "higher by length alone"
    hardest = np.argsort(-noise)[:200]
    assert said(by_length, hardest) == "higher at equal length too"
    assert said(by_length, np.argsort(noise)[:200]) == "lower at equal length too"
    assert said(by_length, draws[RANDOM]) == "as at random"


def test_a_gap_is_the_difference_of_means_in_standard_errors():
    """Means 2 and 4, variances 1 and 4 over 3 rows: an error of sqrt(5 / 3)."""
    gap = gap_of(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0, np.nan]))
    assert gap == pytest.approx((-2, -2 / np.sqrt(5 / 3)))
    few = np.array([1.0])
    assert verdict(few, few, few) == "too few to say"
