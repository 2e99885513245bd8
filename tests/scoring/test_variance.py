"""The CircuitSeer formulas on patterns worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from workbench.engines import attention_received
from workbench.models import uniform_column_mean, uniform_pattern
from workbench.scoring import VARIANTS, contributions

PATTERN = torch.tensor([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.2, 0.3, 0.5]])


def received(pattern: torch.Tensor, start: int, end: int) -> np.ndarray:
    """What each token of the window receives from one head of one sample."""
    spans = torch.tensor([start]), torch.tensor([end])
    return attention_received(pattern[None, None], *spans)[0, 0].numpy()


def test_attention_received_is_the_column_mean():
    # Columns 1 + .5 + .2, .5 + .3 and .5, over three queries.
    assert received(PATTERN, 0, 3) == pytest.approx([1.7 / 3, 0.8 / 3, 0.5 / 3])


def test_rows_are_renormalised_over_the_window():
    # Without the first token the rows are [1, 0] and [.3, .5] / .8, over two queries.
    assert received(PATTERN, 1, 3) == pytest.approx([0, 1.375 / 2, 0.625 / 2])


def test_tokens_behind_the_window_count_neither_as_query_nor_as_key():
    assert received(PATTERN, 0, 2) == pytest.approx([0.75, 0.25, 0])


def test_a_row_with_nothing_left_in_the_window_is_uniform_over_it():
    parked = torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    # The second query then sees itself, the third itself and the second: [1, 0] and [.5, .5].
    assert received(parked, 1, 3) == pytest.approx([0, 0.75, 0.25])


def test_samples_of_a_batch_have_windows_of_their_own():
    batch = torch.stack([PATTERN, PATTERN])[:, None]
    both = attention_received(batch, torch.tensor([0, 1]), torch.tensor([2, 3]))[:, 0].numpy()
    assert both[0] == pytest.approx(received(PATTERN, 0, 2))
    assert both[1] == pytest.approx(received(PATTERN, 1, 3))


@st.composite
def windows(draw):
    n = draw(st.integers(1, 24))
    start = draw(st.integers(0, n - 1))
    return n, start, draw(st.integers(start + 1, n)), draw(st.integers(0, 2**16))


@given(windows())
def test_attention_received_sums_to_one_over_the_window_and_is_zero_outside(window):
    n, start, end, seed = window
    scores = 8 * torch.randn(n, n, generator=torch.Generator().manual_seed(seed))
    pattern = scores.tril().masked_fill(torch.ones(n, n).triu(1).bool(), -torch.inf).softmax(-1)
    a = received(pattern, start, end)
    assert a[start:end].sum() == pytest.approx(1, abs=1e-9)
    assert not a[:start].any()
    assert not a[end:].any()


def test_the_variants_worked_out_by_hand():
    a, u = np.array([0.5, 0.25, 0.25]), np.array([0.6, 0.3, 0.1])
    # (1/3)((1/6)^2 + 2 (1/12)^2) = 1/72, times 9 = 1/8
    assert VARIANTS["paper"](a, u) == pytest.approx(1 / 72)
    assert VARIANTS["cv2"](a, u) == pytest.approx(1 / 8)
    # .6 (1/6)^2 + .3 (1/6)^2 + .1 (3/2)^2 = 1/60 + 1/120 + 9/40
    assert VARIANTS["excess"](a, u) == pytest.approx(1 / 4)


def test_what_tokens_contribute_has_the_paper_score_as_its_mean():
    a = np.array([0.5, 0.25, 0.25, 0.0])
    assert contributions(a) == pytest.approx([1 / 16, 0, 0, 1 / 16])
    assert contributions(a).mean() == VARIANTS["paper"](a, np.full(4, 0.25))


@given(st.lists(st.floats(1e-3, 1), min_size=2, max_size=40))
def test_cv2_is_the_paper_score_times_the_squared_length(weights):
    a = np.array(weights) / sum(weights)
    u = np.full(len(a), 1 / len(a))
    assert VARIANTS["cv2"](a, u) == pytest.approx(len(a) ** 2 * VARIANTS["paper"](a, u))
    # Against keys that would all receive alike, the excess is the coefficient of variation.
    assert VARIANTS["excess"](a, u) == pytest.approx(VARIANTS["cv2"](a, u), abs=1e-12)


@given(n=st.integers(2, 90), window=st.none() | st.integers(1, 100))
def test_excess_is_zero_under_uniform_attention(n, window):
    a = received(uniform_pattern(n, window=window), 0, n)
    u = uniform_column_mean(n, window=window).numpy()
    assert VARIANTS["excess"](a, u) == pytest.approx(0, abs=1e-9)


@given(n=st.integers(3, 60), window=st.none() | st.integers(2, 40), data=st.data())
def test_excess_is_zero_under_uniform_attention_in_any_part(n, window, data):
    start = data.draw(st.integers(0, n - 2))
    end = data.draw(st.integers(start + 2, n))
    a = received(uniform_pattern(n, window=window), start, end)[start:end]
    u = uniform_column_mean(end - start, window=window).numpy()
    assert VARIANTS["excess"](a, u) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("n", [10, 100, 1000])
def test_the_paper_score_of_uniform_attention_falls_with_the_square_of_the_length(n):
    u = uniform_column_mean(n).numpy()
    assert 0.5 < n**2 * VARIANTS["paper"](u, u) < 1.1


@given(st.integers(2, 80))
def test_a_head_parked_on_the_first_token_scores_about_one_over_the_length(n):
    parked = torch.zeros(n, n)
    parked[:, 0] = 1
    u = uniform_column_mean(n).numpy()
    assert VARIANTS["paper"](received(parked, 0, n), u) == pytest.approx((1 - 1 / n) / n)
