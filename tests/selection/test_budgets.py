"""Budgets: rounding, spreading over groups, walking, and the words of the errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import InputError
from workbench.selection.budgets import (
    Request,
    n_affordable,
    resolve_budget,
    rows_of_fraction,
    spread,
)

LENGTHS = np.array([10, 20, 30, 40], dtype=np.int64)


@pytest.mark.parametrize(
    ("fraction", "n_pool", "n_rows"),
    [(0.1, 100, 10), (0.1, 5, 1), (0.1, 1, 1), (0.145, 100, 15), (0.25, 10, 3), (1.0, 7, 7)],
)
def test_a_fraction_rounds_half_up_and_takes_at_least_one_row(fraction, n_pool, n_rows):
    assert rows_of_fraction(fraction, n_pool) == n_rows


@pytest.mark.parametrize("fraction", [0.0, 2.0, -0.1, float("nan"), float("inf")])
def test_a_fraction_outside_0_to_1_is_refused(fraction):
    with pytest.raises(InputError, match=f"fraction is {fraction}, expected a number above 0"):
        resolve_budget(Request(fraction=fraction), LENGTHS)


def test_no_budget_and_two_budgets_are_refused():
    with pytest.raises(InputError, match="no budget is given, expected exactly one of fraction"):
        resolve_budget(Request(), LENGTHS)
    with pytest.raises(InputError, match="given by fraction and tokens, expected exactly one"):
        resolve_budget(Request(fraction=0.5, tokens=5), LENGTHS)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (Request(n=5), "n is 5, expected 1 to 4, the pool holds 4 rows"),
        (Request(n=0), "n is 0, expected 1 to 4"),
        (Request(tokens=101), "tokens is 101, expected 1 to 100, the pool holds 100 tokens"),
        (Request(tokens=-3), "tokens is -3, expected 1 to 100"),
    ],
)
def test_an_amount_the_pool_cannot_meet_is_refused_with_its_size(request_, words):
    with pytest.raises(InputError, match=words):
        resolve_budget(request_, LENGTHS)


def test_the_walk_stops_at_the_first_row_that_does_not_fit():
    assert n_affordable(LENGTHS, 30) == 2
    assert n_affordable(LENGTHS, 59) == 2
    assert n_affordable(LENGTHS, 9) == 0
    # 5 would still fit after 10, but stands behind the 20 that does not.
    assert n_affordable(np.array([10, 20, 5], dtype=np.int64), 15) == 1


def test_largest_remainders_of_a_case_worked_out_by_hand():
    # 10 over 5:3:2 of 7 ... shares 5, 3, 2; of 7: 3.5, 2.1, 1.4 -> 4, 2, 1
    assert spread(10, [5, 3, 2]) == [5, 3, 2]
    assert spread(7, [5, 3, 2]) == [4, 2, 1]
    assert spread(1, [3, 3]) == [1, 0]


@given(st.lists(st.integers(1, 10**13), min_size=1, max_size=8), st.floats(0, 1))
def test_spreading_uses_the_whole_amount_and_stays_within_the_groups(sizes, share):
    amount = min(sum(sizes), int(share * sum(sizes)))
    quotas = spread(amount, sizes)
    assert sum(quotas) == amount
    for quota, size in zip(quotas, sizes, strict=True):
        assert quota <= size
        assert abs(quota * sum(sizes) - amount * size) < sum(sizes)
