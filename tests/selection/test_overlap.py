"""Two selections of one pool: what they share, and what chance would give."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from workbench.selection import overlap_of


@pytest.fixture
def pool() -> pd.DataFrame:
    ids = [f"r{i}" for i in range(10)]
    return pd.DataFrame({"row_id": ids, "score": range(10), "n_tokens": range(0, 100, 10)})


def test_shared_rows_are_a_share_of_ones_own(pool):
    found = overlap_of(["r1", "r2", "r3", "r4"], ["r3", "r4", "r9"], pool)
    assert found.shared == 0.5
    assert found.by_chance == pytest.approx(0.3)
    assert found.median_score == 4
    assert found.mean_tokens == pytest.approx(160 / 3)


def test_a_selection_shares_all_of_itself(pool):
    assert overlap_of(["r1"], ["r1"], pool).shared == 1


def test_rows_outside_the_pool_have_no_numbers(pool):
    found = overlap_of(["r1"], ["elsewhere"], pool)
    assert found.shared == found.by_chance == 0
    assert math.isnan(found.median_score)
    assert math.isnan(found.mean_tokens)
