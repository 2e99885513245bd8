"""The policies as pure functions: exact examples, exact probabilities, limits, invariances."""

import hashlib
from collections import Counter
from itertools import permutations

import numpy as np
import pandas as pd
import pytest

from workbench.selection.policies import (
    POLICIES,
    Pool,
    bottom_order,
    length_bins,
    match_lengths,
    random_order,
    soft_order,
    top_order,
    uniforms,
)


def pool_of(scores, u=None, *, n_tokens=None, temperature=1.0, seed=0):
    scores = np.asarray(scores, dtype=np.float64)
    names = [f"row {i}" for i in range(len(scores))]
    return Pool(
        scores=scores,
        n_tokens=np.asarray(n_tokens or [10] * len(scores), dtype=np.int64),
        uniforms=uniforms(names, seed) if u is None else np.asarray(u, dtype=np.float64),
        temperature=temperature,
    )


def test_soft_order_of_a_case_worked_out_by_hand():
    # -ln(u)/w: 0.693/1 = 0.693, 1.386/4 = 0.347, 0.105/0.1 = 1.054, w = 0 last
    pool = pool_of([1.0, 4.0, 0.1, 0.0], [0.5, 0.25, 0.9, 0.99])
    assert soft_order(pool).tolist() == [1, 0, 2, 3]


def test_temperature_of_a_case_worked_out_by_hand():
    # temperature 1/2 squares the scores: 0.693/1, 1.386/1.44 = 0.963; plain: 1.386/1.2 = 1.155
    # temperature 1/4: 1.386/2.0736 = 0.668 comes before 0.693
    scores, u = [1.0, 1.2], [0.5, 0.25]
    assert soft_order(pool_of(scores, u, temperature=0.5)).tolist() == [0, 1]
    assert soft_order(pool_of(scores, u, temperature=0.25)).tolist() == [1, 0]


def set_probabilities(weights, n):
    """Chance of every set of n rows when drawing one by one without replacement."""
    chances = Counter()
    for drawn in permutations(range(len(weights)), n):
        chance, left = 1.0, sum(weights)
        for row in drawn:
            chance *= weights[row] / left
            left -= weights[row]
        chances[frozenset(drawn)] += chance
    return chances


def test_soft_sampling_draws_every_set_as_often_as_drawing_one_by_one():
    weights, n, n_draws = [1.0, 2.0, 3.0, 5.0, 8.0], 2, 6000
    expected = set_probabilities(weights, n)
    drawn = Counter(
        frozenset(soft_order(pool_of(weights, seed=seed))[:n].tolist()) for seed in range(n_draws)
    )
    chi_square = sum(
        (drawn[rows] - n_draws * chance) ** 2 / (n_draws * chance)
        for rows, chance in expected.items()
    )
    # 10 sets, 9 degrees of freedom: 33.7 is passed once in 10,000 times; the seeds are fixed.
    assert len(expected) == 10
    assert chi_square < 33.7


def test_soft_inclusion_frequencies_match_numpy_choice():
    weights, n, n_draws = np.array([1.0, 2.0, 3.0, 5.0, 8.0, 0.5]), 3, 4000
    rng = np.random.default_rng(0)
    share = weights / weights.sum()
    reference, soft = np.zeros(6), np.zeros(6)
    for seed in range(n_draws):
        reference[rng.choice(6, n, replace=False, p=share)] += 1
        soft[soft_order(pool_of(weights, seed=seed))[:n]] += 1
    # The difference of two frequencies has a standard deviation of at most 0.0112.
    np.testing.assert_allclose(soft / n_draws, reference / n_draws, atol=0.045)


def test_zero_scores_come_after_all_positive_ones():
    scores = np.where(np.arange(200) % 2 == 0, 0.0, 1e-300)
    order = soft_order(pool_of(scores))
    assert (scores[order[:100]] > 0).all()
    assert order[100:].tolist() != sorted(order[100:].tolist())


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_the_scale_of_the_scores_does_not_matter(scale):
    scores = np.linspace(1.0, 9.0, 50)
    expected = soft_order(pool_of(scores, temperature=0.3)).tolist()
    assert soft_order(pool_of(scores * scale, temperature=0.3)).tolist() == expected


def test_a_temperature_towards_zero_gives_the_top_rows():
    scores = np.random.default_rng(1).permutation(np.linspace(1.0, 2.0, 100))
    order = soft_order(pool_of(scores, temperature=1e-8))
    assert order.tolist() == top_order(pool_of(scores)).tolist()


def test_a_temperature_towards_infinity_gives_the_random_rows():
    scores = np.random.default_rng(1).uniform(0.1, 9.0, 100)
    order = soft_order(pool_of(scores, temperature=1e12))
    assert order.tolist() == random_order(pool_of(scores)).tolist()


def test_ties_of_top_and_bottom_are_broken_by_row_order():
    pool = pool_of([2.0, 1.0, 2.0, 1.0])
    assert top_order(pool).tolist() == [0, 2, 1, 3]
    assert bottom_order(pool).tolist() == [1, 3, 0, 2]


def test_the_number_of_a_row_depends_on_its_id_and_the_seed_alone():
    names = [f"row {i}" for i in range(100)]
    assert uniforms(names[::-1], 0).tolist() == uniforms(names, 0)[::-1].tolist()
    assert not np.isin(uniforms(names, 1), uniforms(names, 0)).any()


def test_numbers_of_a_column_are_those_of_a_list_however_it_is_cut(monkeypatch):
    names = [f"é{i}" for i in range(100)]
    expected = uniforms(names, 3).tolist()
    # By hand: 52 bits of a hash of seed and id, in the middle of their step.
    word = int.from_bytes(hashlib.blake2b("3|é7".encode(), digest_size=8).digest(), "big")
    assert expected[7] == ((word >> 12) + 0.5) / 2**52
    monkeypatch.setattr("workbench.selection.policies.AT_ONCE", 7)
    for kind in (object, str):
        assert uniforms(pd.Series(names, dtype=kind), 3).tolist() == expected


def test_rows_with_equal_keys_are_drawn_by_their_numbers():
    u = np.array([0.3, 0.3, 0.9, 0.2, 0.2])
    assert soft_order(pool_of([1.0, 1.0, 0.0, 1.0, 0.0], u)).tolist() == [0, 1, 3, 2, 4]


def test_the_numbers_are_uniform_and_never_0_or_1():
    values = np.sort(uniforms([str(i) for i in range(5000)], 7))
    assert values[0] > 0
    assert values[-1] < 1
    # Kolmogorov-Smirnov at 1 in 10,000: 2.23 / sqrt(n)
    assert np.abs(values - (np.arange(5000) + 0.5) / 5000).max() < 2.23 / np.sqrt(5000)


def test_the_smallest_keys_of_the_shards_are_the_draw_of_the_whole():
    scores, n = np.linspace(0.5, 3.0, 90), 12
    u = uniforms([f"row {i}" for i in range(90)], 4)
    whole = set(soft_order(pool_of(scores, u))[:n].tolist())
    shards = np.array_split(np.arange(90), 4)
    kept = np.concatenate([s[soft_order(pool_of(scores[s], u[s]))[:n]] for s in shards])
    merged = kept[soft_order(pool_of(scores[kept], u[kept]))[:n]]
    assert set(merged.tolist()) == whole


def test_every_policy_orders_every_row_once():
    pool = pool_of(np.linspace(0.0, 1.0, 33))
    for name, policy in POLICIES.items():
        assert sorted(policy.order(pool).tolist()) == list(range(33)), name


def long_pool(n_rows=1000):
    rng = np.random.default_rng(3)
    lengths = np.exp(rng.normal(5.0, 0.6, n_rows)).astype(int) + 5
    scores = lengths * rng.uniform(0.7, 1.3, n_rows)
    return pool_of(scores, n_tokens=lengths.tolist())


def test_matched_rows_have_the_lengths_of_the_chosen_and_are_mostly_others():
    pool = long_pool()
    top = top_order(pool)[:200]
    matched = match_lengths(top, pool)
    chosen, drawn = pool.n_tokens[top], pool.n_tokens[matched]
    assert len(set(matched.tolist())) == 200
    assert drawn.mean() == pytest.approx(chosen.mean(), rel=0.03)
    np.testing.assert_allclose(
        np.quantile(drawn, [0.25, 0.5, 0.75]), np.quantile(chosen, [0.25, 0.5, 0.75]), rtol=0.05
    )
    # The pool is far shorter, so likeness to the chosen rows is no accident.
    assert pool.n_tokens.mean() < 0.7 * chosen.mean()


def test_matching_says_nothing_about_the_score_beyond_length():
    rng = np.random.default_rng(5)
    pool = pool_of(rng.uniform(size=2000), n_tokens=rng.integers(10, 500, 2000).tolist())
    matched = match_lengths(top_order(pool)[:200], pool)
    # Standard error of the mean of 200 uniform scores: 0.02
    assert pool.scores[matched].mean() == pytest.approx(0.5, abs=0.08)


def test_each_row_is_matched_from_its_own_bin():
    pool = long_pool(300)
    bins = length_bins(pool)
    top = top_order(pool)[:60]
    assert bins[match_lengths(top, pool)].tolist() == bins[top].tolist()
    assert np.ptp(np.bincount(bins)) <= 1


def test_a_bin_of_two_lengths_favours_neither():
    # 400 rows make bins of 20: the second holds 10 rows of length 10 and 10 of length 20.
    lengths = [10] * 30 + [20] * 370
    n_short = 0
    for seed in range(200):
        pool = pool_of(np.zeros(400), n_tokens=lengths, seed=seed)
        mixed = np.flatnonzero(length_bins(pool) == 1)
        n_short += int((pool.n_tokens[match_lengths(mixed[:10], pool)] == 10).sum())
    # 5 of 10 on average; the mean of 200 has a standard error of 0.08.
    assert n_short / 200 == pytest.approx(5.0, abs=0.4)


def test_matching_the_whole_pool_gives_the_whole_pool():
    pool = long_pool(50)
    assert sorted(match_lengths(top_order(pool), pool).tolist()) == list(range(50))
