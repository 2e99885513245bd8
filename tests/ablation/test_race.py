"""Racing against the whole table of deltas that it tries not to look at."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from workbench.ablation.race import look_sizes, race, student_quantile, upper_bounds

N_SAMPLES, N_HEADS, N_TOP = 300, 64, 3


def table(seed: int, *, n_samples: int = N_SAMPLES, n_heads: int = N_HEADS) -> np.ndarray:
    """Deltas as they come: a few heads matter, the next are close, spread grows with the mean."""
    rng = np.random.default_rng(seed)
    means = 0.2 * rng.pareto(1.5, n_heads) * (rng.random(n_heads) < 0.3)
    spread = 0.02 + 0.8 * means
    shared = rng.normal(size=(n_samples, 1))
    own = rng.gamma(2.0, 1.0, (n_samples, n_heads)) / np.sqrt(2) - np.sqrt(2)
    return means + spread * (0.5 * shared + np.sqrt(0.75) * own)


def run(deltas: np.ndarray, **options):
    """The race over a table, and the entries it read."""
    asked = []

    def measure(samples, heads):
        asked.append((tuple(samples), tuple(heads)))
        return deltas[np.ix_(samples, heads)]

    n_samples, n_heads = deltas.shape
    options = {"n_selected": N_TOP, "first": 16, **options}
    return race(measure, n_samples=n_samples, n_heads=n_heads, **options), asked


def top(means: np.ndarray, n: int = N_TOP) -> set[int]:
    return set(np.argsort(-means)[:n].tolist())


def test_errors_are_no_more_than_stated_in_a_hundred_simulated_runs():
    for confidence in (0.95, 0.8):
        errors = 0
        for seed in range(100):
            deltas = table(seed)
            raced, _ = run(deltas, confidence=confidence, seed=seed)
            errors += top(raced.means) != top(deltas.mean(axis=0))
        assert errors <= 100 * (1 - confidence)


def test_a_race_reads_a_fraction_of_the_table():
    shares = [float(run(table(s), seed=s)[0].seen.sum()) / (N_SAMPLES * N_HEADS) for s in range(20)]
    assert np.mean(shares) < 1 / 6


def test_the_selected_heads_are_exact_and_the_others_keep_what_they_saw():
    deltas = table(0)
    raced, asked = run(deltas)
    assert raced.complete[sorted(top(raced.means))].all()
    np.testing.assert_array_equal(raced.means[raced.complete], deltas.mean(0)[raced.complete])
    seen = ~np.isnan(raced.deltas)
    np.testing.assert_array_equal(raced.deltas[seen], deltas[seen])
    assert seen.sum() == sum(len(samples) * len(heads) for samples, heads in asked)
    assert (raced.seen >= 16).all()
    assert not raced.complete.all()
    dropped = ~raced.complete
    cut = np.sort(deltas.mean(axis=0))[-N_TOP]
    assert (raced.means[dropped] < cut).all()


def test_nothing_is_measured_twice():
    raced, asked = run(table(3))
    read = [(sample, head) for samples, heads in asked for sample in samples for head in heads]
    assert len(read) == len(set(read)) == raced.seen.sum()


def test_without_any_spread_two_looks_decide():
    deltas = np.broadcast_to(np.linspace(0, 1, 20), (100, 20)).copy()
    raced, asked = run(deltas)
    assert top(raced.means) == {17, 18, 19}
    assert [len(heads) for _, heads in asked] == [20, 3]


def test_heads_that_cannot_be_told_apart_are_run_on_the_whole_probe():
    deltas = np.random.default_rng(0).normal(size=(64, 12))
    raced, _ = run(deltas, first=8)
    assert raced.complete.sum() > N_TOP
    assert top(np.where(raced.complete, raced.means, -np.inf)) == top(deltas.mean(axis=0))


@pytest.mark.parametrize("n_samples", [2, 5, 16])
def test_a_probe_no_larger_than_the_first_look_is_run_whole(n_samples):
    deltas = table(1, n_samples=n_samples, n_heads=8)
    raced, _ = run(deltas)
    assert raced.complete.all()
    np.testing.assert_array_equal(raced.deltas, deltas)


def test_as_many_selected_as_there_are_heads_is_the_exact_method():
    deltas = table(2, n_heads=4)
    raced, _ = run(deltas, n_selected=4)
    np.testing.assert_array_equal(raced.deltas, deltas)


def test_the_same_seed_runs_the_same_race():
    one, other = run(table(5), seed=3), run(table(5), seed=3)
    assert one[1] == other[1]
    assert one[1] != run(table(5), seed=4)[1]


def test_a_lower_confidence_costs_less():
    cost = [
        sum(run(table(s), seed=s, confidence=c)[0].seen.sum() for s in range(10))
        for c in (0.5, 0.999)
    ]
    assert cost[0] < cost[1]


def test_a_head_that_matters_on_few_samples_only_breaks_the_condition_that_is_stated():
    """The limit of the statement: such a head looks like nothing on most draws."""
    deltas = np.full((300, 10), 0.0) + np.linspace(0.1, 0.3, 10)
    deltas[:, 0] = 0.0
    deltas[:3, 0] = 100.0
    assert 0 in top(deltas.mean(axis=0))
    missed = [0 not in top(run(deltas, seed=seed)[0].means) for seed in range(20)]
    assert sum(missed) > 10
    raced, _ = run(deltas)
    assert "a head that matters on very few samples only can break it" in raced.statement


def test_bounds_miss_as_often_as_they_may():
    rng = np.random.default_rng(0)
    population = rng.normal(size=(300, 4000))
    for n_drawn in (8, 64):
        upper = upper_bounds(population[:n_drawn], 300, level=0.05)
        missed = float((upper < population.mean(axis=0)).mean())
        assert missed == pytest.approx(0.05, abs=0.012)
    assert np.isinf(upper_bounds(population, 300, level=0.05)).all()


@pytest.mark.parametrize("degrees", [1, 7, 15, 127])
@pytest.mark.parametrize("probability", [0.5, 0.9, 0.99, 0.9995])
def test_quantiles_of_student_are_those_of_scipy(probability, degrees):
    expected = float(stats.t.ppf(probability, degrees))
    assert student_quantile(probability, degrees) == pytest.approx(expected, rel=1e-3, abs=1e-6)


def test_looks_double_up_to_the_probe():
    assert look_sizes(300, first=16) == [16, 32, 64, 128, 256]
    assert look_sizes(16, first=16) == []
