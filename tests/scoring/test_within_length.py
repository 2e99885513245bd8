"""The percentile among rows of like length, against its definition spelled out row by row.

The neighbours of a row are, in the order of (length, row id), the window of k + 1 consecutive rows
around it, itself included, with the smallest sum of distances in length; among windows equally near
the one reached first from the centred one.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.scoring import score_within_length, spearman
from workbench.scoring.within_length import n_neighbours


def brute_force(scores: np.ndarray, lengths: np.ndarray, ids: list[str]) -> np.ndarray:
    order = sorted(np.flatnonzero(np.isfinite(scores)), key=lambda i: (lengths[i], ids[i]))
    k = n_neighbours(len(order))
    result = np.full(len(scores), np.nan)
    for place, row in enumerate(order):
        starts = range(max(0, place - k), min(place, len(order) - 1 - k) + 1)

        def distance(start, row=row):
            return sum(abs(int(lengths[j]) - int(lengths[row])) for j in order[start:][: k + 1])

        centred = min(max(place - k // 2, starts[0]), starts[-1])
        nearest = min(starts, key=lambda s: (distance(s), abs(s - centred)))
        near = [j for j in order[nearest : nearest + k + 1] if j != row]
        lower = sum(scores[j] < scores[row] for j in near)
        equal = sum(scores[j] == scores[row] for j in near)
        result[row] = (lower + equal / 2) / k if k else 0.5
    return result


def pool(seed: int, n: int, *, longest: int = 60) -> tuple[np.ndarray, np.ndarray, list[str]]:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, longest, n)
    scores = rng.integers(0, 12, n).astype(float)
    return scores, lengths, [f"row-{i}" for i in rng.permutation(n)]


@given(seed=st.integers(0, 2**32), n=st.integers(0, 70), longest=st.sampled_from([3, 12, 400]))
def test_it_equals_the_definition_spelled_out(seed, n, longest):
    scores, lengths, ids = pool(seed, n, longest=longest)
    scores[np.random.default_rng(seed).random(n) < 0.1] = np.nan
    fast = score_within_length(scores, lengths, ids)
    assert fast == pytest.approx(brute_force(scores, lengths, ids), nan_ok=True)


@given(st.integers(0, 2**32))
def test_the_order_of_the_rows_does_not_matter(seed):
    scores, lengths, ids = pool(seed, 60)
    order = np.random.default_rng(seed).permutation(60)
    shuffled = score_within_length(scores[order], lengths[order], [ids[i] for i in order])
    assert shuffled.tolist() == score_within_length(scores, lengths, ids)[order].tolist()


def test_a_missing_score_stays_missing_and_is_nobodys_neighbour():
    scores, lengths, ids = pool(1, 50)
    alone = score_within_length(scores, lengths, ids)
    with_gaps = score_within_length(
        np.append(scores, [np.nan] * 30),
        np.append(lengths, [30] * 30),
        [*ids, *(f"gap-{i}" for i in range(30))],
    )
    assert np.isnan(with_gaps[50:]).all()
    assert with_gaps[:50].tolist() == alone.tolist()


def test_a_score_that_is_the_length_keeps_no_correlation_with_it():
    rng = np.random.default_rng(0)
    lengths = rng.integers(10, 2000, 3000)
    ids = [str(i) for i in range(3000)]
    percentiles = pd.Series(score_within_length(lengths.astype(float), lengths, ids))
    rho = spearman(percentiles, pd.Series(lengths))
    assert rho is None or abs(rho) < 0.15
    # Apart from the two ends, each row is the middle one among its neighbours.
    middle = percentiles[(lengths > 250) & (lengths < 1750)]
    assert middle.between(0.4, 0.6).all()


def test_what_is_not_length_is_kept():
    rng = np.random.default_rng(0)
    lengths = rng.integers(10, 500, 2000)
    planted = rng.random(2000)
    scores = 0.004 * lengths + planted
    percentiles = pd.Series(score_within_length(scores, lengths, [str(i) for i in range(2000)]))
    raw = spearman(pd.Series(scores), pd.Series(planted))
    kept = spearman(percentiles, pd.Series(planted))
    assert raw is not None
    assert kept is not None
    assert kept > raw + 0.1
    rho = spearman(percentiles, pd.Series(lengths))
    assert rho is not None
    assert abs(rho) < 0.1


def test_a_pool_of_one_length_is_ranked_as_a_whole():
    scores = np.arange(11.0)
    percentiles = score_within_length(scores, np.full(11, 7), [str(i) for i in range(11)])
    assert percentiles == pytest.approx(scores / 10)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [([], []), ([3.0], [0.5]), ([3.0, 1.0], [1.0, 0.0]), ([2.0, 2.0], [0.5, 0.5])],
)
def test_small_pools_have_percentiles_too(scores, expected):
    lengths = np.full(len(scores), 4)
    result = score_within_length(np.array(scores), lengths, [str(i) for i in range(len(scores))])
    assert result.tolist() == expected


@pytest.mark.parametrize(
    ("n_rows", "expected"),
    [(0, 0), (1, 0), (15, 14), (21, 20), (200, 20), (500, 50), (2000, 200), (100_000, 200)],
)
def test_the_number_of_neighbours_follows_the_pool(n_rows, expected):
    assert n_neighbours(n_rows) == expected
