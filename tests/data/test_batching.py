from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.data import batches_by_length, padding_share
from workbench.errors import InputError

LENGTHS = st.lists(st.integers(0, 50), max_size=60)
BUDGETS = st.integers(1, 200)


@given(LENGTHS, BUDGETS)
def test_every_row_is_in_exactly_one_batch(lengths, max_tokens):
    batches = batches_by_length(lengths, max_tokens=max_tokens)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    assert all(batches)


@given(LENGTHS, BUDGETS)
def test_a_batch_keeps_the_budget_unless_it_is_one_row(lengths, max_tokens):
    for batch in batches_by_length(lengths, max_tokens=max_tokens):
        assert len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= max_tokens


@given(LENGTHS, BUDGETS)
def test_lengths_never_fall_and_equal_lengths_keep_their_order(lengths, max_tokens):
    order = [i for batch in batches_by_length(lengths, max_tokens=max_tokens) for i in batch]
    assert [(lengths[i], i) for i in order] == sorted((lengths[i], i) for i in order)


@given(LENGTHS, BUDGETS)
def test_no_batch_could_take_the_first_row_of_the_next(lengths, max_tokens):
    batches = batches_by_length(lengths, max_tokens=max_tokens)
    for batch, following in pairwise(batches):
        assert (len(batch) + 1) * lengths[following[0]] > max_tokens


def test_a_case_worked_out_by_hand():
    batches = batches_by_length([4, 1, 9, 2, 2], max_tokens=6)
    assert batches == [[1, 3, 4], [0], [2]]
    assert padding_share([4, 1, 9, 2, 2], batches) == pytest.approx(1 - 18 / 19)


def test_nothing_to_batch_has_no_padding():
    assert batches_by_length([], max_tokens=8) == []
    assert padding_share([], []) == 0.0
    assert padding_share([0, 0], [[0, 1]]) == 0.0


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60), BUDGETS)
def test_sorting_never_pads_more_than_one_batch_of_everything(lengths, max_tokens):
    batches = batches_by_length(lengths, max_tokens=max_tokens)
    whole = [list(range(len(lengths)))]
    assert 0 <= padding_share(lengths, batches) <= padding_share(lengths, whole) + 1e-12


def test_a_batch_size_below_one_says_what_was_expected():
    with pytest.raises(InputError, match="batch size is 0 tokens, expected at least 1"):
        batches_by_length([1], max_tokens=0)
