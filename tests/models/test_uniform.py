import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from workbench.models import (
    padded_uniform_pattern,
    running_mean,
    uniform_column_mean,
    uniform_pattern,
)

N_POS = st.integers(1, 40)
WINDOWS = st.none() | st.integers(1, 50)


def test_three_positions_are_uniform_over_their_past_and_themselves():
    expected = torch.tensor([[1, 0, 0], [1 / 2, 1 / 2, 0], [1 / 3, 1 / 3, 1 / 3]])
    torch.testing.assert_close(uniform_pattern(3), expected)


def test_a_window_of_two_sees_one_key_before_the_query():
    expected = torch.tensor([[1, 0, 0], [1 / 2, 1 / 2, 0], [0, 1 / 2, 1 / 2]])
    torch.testing.assert_close(uniform_pattern(3, window=2), expected)


@given(N_POS, WINDOWS)
def test_every_row_sums_to_one_and_shows_its_visible_keys_alike(n_pos, window):
    pattern = uniform_pattern(n_pos, window=window)
    torch.testing.assert_close(pattern.sum(dim=-1), torch.ones(n_pos))
    for query, row in enumerate(pattern):
        n_seen = min(query + 1, window or n_pos)
        visible = row[query + 1 - n_seen : query + 1]
        torch.testing.assert_close(visible, torch.full((n_seen,), 1 / n_seen))


@given(N_POS, WINDOWS)
def test_no_query_sees_a_future_key(n_pos, window):
    assert not uniform_pattern(n_pos, window=window).triu(diagonal=1).any()


@given(N_POS, st.integers(0, 10))
def test_a_window_as_long_as_the_text_changes_nothing(n_pos, more):
    assert torch.equal(uniform_pattern(n_pos, window=n_pos + more), uniform_pattern(n_pos))


@given(N_POS, WINDOWS)
def test_the_column_mean_is_the_mean_of_the_pattern_over_queries(n_pos, window):
    expected = uniform_pattern(n_pos, window=window).double().mean(dim=0)
    column_mean = uniform_column_mean(n_pos, window=window)
    assert column_mean.dtype == torch.float64
    torch.testing.assert_close(column_mean, expected, atol=1e-7, rtol=0)
    assert float(column_mean.sum()) == pytest.approx(1)


def test_the_column_mean_of_two_positions_is_worked_out_by_hand():
    torch.testing.assert_close(
        uniform_column_mean(2), torch.tensor([0.75, 0.25], dtype=torch.float64)
    )


@given(N_POS, WINDOWS, st.integers(0, 2**16))
def test_the_running_mean_is_the_uniform_pattern_applied_to_the_values(n_pos, window, seed):
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(2, n_pos, 3, 4, generator=generator, dtype=torch.float64)
    pattern = uniform_pattern(n_pos, window=window).double()
    expected = torch.einsum("qk,bkhd->bqhd", pattern, values)
    torch.testing.assert_close(running_mean(values, window=window), expected, atol=1e-6, rtol=0)


@given(N_POS, st.integers(0, 10), st.integers(0, 10), WINDOWS)
def test_padding_on_either_side_changes_nothing_for_real_tokens(n_pos, left, right, window):
    real = torch.tensor([[False] * left + [True] * n_pos + [False] * right])
    inside = slice(left, left + n_pos)
    pattern = padded_uniform_pattern(real, window=window)
    expected = uniform_pattern(n_pos, window=window)
    torch.testing.assert_close(pattern[0, inside, inside], expected)
    assert not pattern[0, inside][:, ~real[0]].any()
    values = torch.randn(1, left + n_pos + right, 2, 3, generator=torch.Generator().manual_seed(0))
    means = running_mean(values, window=window, real=real)
    alone = running_mean(values[:, inside], window=window)
    torch.testing.assert_close(means[:, inside], alone, atol=1e-5, rtol=0)


def test_a_hole_in_the_text_is_skipped():
    pattern = padded_uniform_pattern(torch.tensor([[True, False, True]]))
    expected = torch.tensor([[[1, 0, 0], [1, 0, 0], [1 / 2, 0, 1 / 2]]])
    torch.testing.assert_close(pattern, expected)


def test_a_long_running_mean_in_half_precision_does_not_stand_still():
    values = torch.ones(1, 2000, 1, 1, dtype=torch.bfloat16)
    means = running_mean(values)
    assert means.dtype == torch.bfloat16
    assert torch.equal(means, values)
