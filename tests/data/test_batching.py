"""Batches keep the budget, and padding costs less than what saving it would."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.data import batches_by_length, padding_share, read_samples
from workbench.data.batching import BATCH_COST
from workbench.errors import InputError
from workbench.models import render
from workbench.scoring import SHARD_ROWS

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


def every_cut(rows, max_tokens):
    """All ways to cut sorted rows into batches that keep the budget."""
    if not rows:
        yield []
    for n in range(1, len(rows) + 1):
        if n == 1 or n * rows[n - 1] <= max_tokens:
            yield from ([rows[:n], *rest] for rest in every_cut(rows[n:], max_tokens))


def cost(batches):
    return sum(len(batch) * max(batch) + BATCH_COST for batch in batches)


@given(st.lists(st.integers(0, 400), max_size=9), st.integers(1, 2000))
def test_no_other_cut_costs_less(lengths, max_tokens):
    batches = batches_by_length(lengths, max_tokens=max_tokens)
    found = cost([[lengths[i] for i in batch] for batch in batches])
    assert found == min(map(cost, every_cut(sorted(lengths), max_tokens)))


def test_padding_is_saved_where_that_saves_more_than_a_batch_costs():
    assert batches_by_length([10] * 4 + [40], max_tokens=4096) == [[0, 1, 2, 3, 4]]
    assert batches_by_length([10] * 4 + [50], max_tokens=4096) == [[0, 1, 2, 3], [4]]


@pytest.fixture(scope="module")
def gsm8k(bundled_model):
    """Tokens of the prompt and of the whole of every row of the bundled pool."""
    rows = [render(row, bundled_model.tokenizer) for row in read_samples(["gsm8k"])]
    return [row.window("prompt")[1] for row in rows], [len(row.ids) for row in rows]


@pytest.mark.parametrize("max_tokens", [1024, 2048, 4096, 16384, 65536])
@pytest.mark.parametrize("part", [0, 1], ids=["prompt", "all"])
def test_at_most_a_twentieth_of_the_tokens_of_gsm8k_is_padding(gsm8k, part, max_tokens):
    """Shard by shard, as scoring cuts the pool."""
    lengths, positions = gsm8k[part], 0
    for start in range(0, len(lengths), SHARD_ROWS):
        shard = lengths[start : start + SHARD_ROWS]
        batches = batches_by_length(shard, max_tokens=max_tokens)
        positions += sum(len(batch) * max(shard[i] for i in batch) for batch in batches)
    assert 1 - sum(lengths) / positions <= 0.05


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
