"""Racing against the whole table of deltas that it tries not to look at."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from workbench.ablation.intervals import certainly_below, standard_errors, student_quantile
from workbench.ablation.race import leaders_size, look_sizes, race

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
    options = {"n_selected": N_TOP, **options}
    return race(measure, n_samples=n_samples, n_heads=n_heads, **options), asked


def top(means: np.ndarray, n: int = N_TOP) -> set[int]:
    return set(np.argsort(-means)[:n].tolist())


@pytest.mark.parametrize("confidence", [0.95, 0.8])
@pytest.mark.parametrize("kind", ["as they come", "all alike"])
def test_errors_are_no_more_than_stated_in_a_hundred_simulated_runs(kind, confidence):
    errors = 0
    for seed in range(100):
        alike = np.random.default_rng(seed).normal(size=(N_SAMPLES, 12))
        deltas = table(seed) if kind == "as they come" else alike
        raced, _ = run(deltas, confidence=confidence, seed=seed)
        errors += set(raced.selected) != top(deltas.mean(axis=0))
    assert errors <= 100 * (1 - confidence)


def test_a_race_reads_a_fraction_of_the_table():
    shares = [float(run(table(s), seed=s)[0].seen.sum()) / (N_SAMPLES * N_HEADS) for s in range(20)]
    assert np.mean(shares) < 1 / 8


def test_the_selected_heads_are_read_furthest_and_all_keep_what_they_saw():
    deltas = table(0)
    raced, asked = run(deltas)
    assert set(raced.selected) == set(raced.kept) == top(deltas.mean(axis=0))
    seen = ~np.isnan(raced.deltas)
    np.testing.assert_array_equal(raced.deltas[seen], deltas[seen])
    assert seen.sum() == sum(len(samples) * len(heads) for samples, heads in asked)
    dropped = [head for head in range(N_HEADS) if head not in raced.kept]
    assert raced.seen.min() == 8
    assert raced.seen[dropped].max() < N_SAMPLES
    assert raced.seen[list(raced.kept)].min() > raced.seen[dropped].mean()
    for head in dropped:
        own = deltas[seen[:, head], head]
        assert raced.means[head] == pytest.approx(own.mean())


def test_a_wrong_leader_of_the_first_look_does_not_hold_the_cut_down():
    """Each look has leaders of its own: those of the first few samples may be others."""
    rng = np.random.default_rng(0)
    deltas = rng.normal(np.linspace(0, 1, 20), 0.3, (N_SAMPLES, 20))
    first = np.random.default_rng(7).permutation(N_SAMPLES)[:8]
    deltas[first, 10] += 2.0
    raced, _ = run(deltas, n_selected=1, seed=7)
    assert raced.selected == (19,)
    assert raced.seen[11:15].max() < N_SAMPLES / 4


def test_nothing_is_measured_twice():
    raced, asked = run(table(3))
    read = [(sample, head) for samples, heads in asked for sample in samples for head in heads]
    assert len(read) == len(set(read)) == raced.seen.sum()


def test_without_any_spread_the_first_look_decides():
    deltas = np.broadcast_to(np.linspace(0, 1, 20), (100, 20)).copy()
    raced, asked = run(deltas)
    assert raced.selected == (17, 18, 19)
    assert [(len(samples), len(heads)) for samples, heads in asked] == [(8, 20), (20, 3)]


def test_heads_that_cannot_be_told_apart_are_run_on_the_whole_probe():
    deltas = np.random.default_rng(0).normal(size=(64, 12))
    raced, _ = run(deltas)
    assert raced.seen[list(raced.kept)].min() > 55
    assert set(raced.selected) == top(deltas.mean(axis=0))


@pytest.mark.parametrize("n_samples", [2, 5, 16])
def test_a_probe_no_larger_than_the_first_look_is_run_whole(n_samples):
    deltas = table(1, n_samples=n_samples, n_heads=8)
    raced, _ = run(deltas, first=16)
    np.testing.assert_array_equal(raced.deltas, deltas)
    assert set(raced.selected) == top(deltas.mean(axis=0))


@pytest.mark.parametrize("n_samples", [9, 10, 11, 13])
def test_a_probe_hardly_larger_than_the_first_look_is_no_trouble(n_samples):
    deltas = table(1, n_samples=n_samples, n_heads=8)
    raced, _ = run(deltas)
    assert set(raced.selected) == top(deltas.mean(axis=0))
    assert np.isfinite(raced.means).all()


def test_as_many_selected_as_there_are_heads_need_no_second_look():
    raced, asked = run(table(2, n_heads=4), n_selected=4)
    assert raced.selected == (0, 1, 2, 3)
    assert {samples for samples, _ in asked} >= {asked[0][0]}
    assert raced.seen.max() == leaders_size(8, N_SAMPLES)


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
    missed = [0 not in run(deltas, seed=seed)[0].selected for seed in range(20)]
    assert sum(missed) > 10
    raced, _ = run(deltas)
    assert "a head that matters on very few samples only can break it" in raced.statement


def test_a_head_as_good_as_the_leader_is_lost_no_more_often_than_allowed():
    """Two heads with the same mean; whichever does better on what is drawn is the leader."""
    n_samples, n_drawn, n_ahead, n_trials, lost = 300, 8, 49, 4000, 0
    rng = np.random.default_rng(0)
    for _ in range(n_trials):
        head, rival = rng.normal(size=(2, n_samples, 1))
        head, rival = head - head.mean(), rival - rival.mean()
        if head[:n_drawn].mean() < rival[:n_drawn].mean():
            lost += certainly_below(head[:n_drawn], rival[:n_ahead], n_samples, level=0.05)[0]
    assert 0.02 < lost / n_trials < 0.05


@pytest.mark.parametrize(("n_samples", "first"), [(16, 8), (24, 4), (24, 8), (60, 8)])
def test_leaders_known_from_few_samples_widen_the_interval(n_samples, first):
    """A top head without any spread, among rivals that are nearly as good and vary a lot.

    Ahead of the others, leaders may have been run on two samples only.
    """
    errors = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        deltas = rng.normal(size=(n_samples, 11))
        deltas -= deltas.mean(axis=0) + 1e-9
        deltas[:, 0] = 0.0
        errors += run(deltas, n_selected=1, first=first, seed=seed)[0].selected != (0,)
    assert errors <= 200 * 0.05 * 1.6


def test_leaders_on_the_whole_probe_settle_heads_whose_deltas_are_nearly_known():
    rng = np.random.default_rng(0)
    deltas = np.linspace(0, 1, 30) + np.where(np.arange(30) < 26, 1e-3, 2.0) * rng.normal(
        size=(N_SAMPLES, 30)
    )
    whole, _ = run(deltas, leaders_whole=True)
    usual, _ = run(deltas)
    assert set(whole.selected) == set(usual.selected) == top(deltas.mean(axis=0))
    assert (whole.seen[list(whole.selected)] == N_SAMPLES).all()
    assert whole.seen.sum() < usual.seen.sum()


def test_one_comparison_by_hand():
    """Four of eight drawn: 0 0 2 2 against a leader of 5 5 5 5, then 7 7 7 7: nothing left open.

    Mean 1, variance 4/3, standard error sqrt(4/3 * (1 - 4/8) / 4) = 0.408; the leader's mean is 6.
    Student's quantile with 3 degrees reaches 5 / 0.408 = 12.25 at 0.9994.
    """
    head = np.array([[0.0], [0.0], [2.0], [2.0]])
    leader = np.array([[5.0]] * 4 + [[7.0]] * 4)
    assert standard_errors(head, 8)[0] == pytest.approx(0.40825, abs=1e-5)
    assert certainly_below(head, leader, 8, level=0.0007).tolist() == [True]
    assert certainly_below(head, leader, 8, level=0.0005).tolist() == [False]
    assert standard_errors(leader, 8)[0] == 0.0


@pytest.mark.parametrize("degrees", [1, 7, 15, 127])
@pytest.mark.parametrize("probability", [0.5, 0.9, 0.99, 0.9995])
def test_quantiles_of_student_are_those_of_scipy(probability, degrees):
    expected = float(stats.t.ppf(probability, degrees))
    assert student_quantile(probability, degrees) == pytest.approx(expected, rel=1e-3, abs=1e-6)


def gradual(seed: int) -> np.ndarray:
    """Importance that falls off gradually, as on pretrained models: many heads near the cut."""
    rng = np.random.default_rng(seed)
    means = 0.02 * rng.exponential(size=N_HEADS) ** 2
    return means + (0.3 * means + 0.05) * rng.standard_normal((120, N_HEADS))


@pytest.mark.parametrize("leaders_whole", [False, True])
@pytest.mark.parametrize("tolerance", [0.1, 0.3, 1.0])
def test_no_head_left_out_is_better_by_more_than_the_tolerance(tolerance, leaders_whole):
    errors = 0
    for seed in range(60):
        deltas = gradual(seed)
        raced, _ = run(
            deltas, n_selected=5, tolerance=tolerance, seed=seed, leaders_whole=leaders_whole
        )
        means, inside = deltas.mean(axis=0), list(raced.selected)
        assert len(inside) == 5
        outside = np.delete(means, inside)
        errors += outside.max() - means[inside].min() > raced.margin
        least = min(raced.means[inside])
        assert raced.margin == pytest.approx(tolerance * least)
    assert errors <= 60 * 0.05


def test_a_tolerance_saves_head_samples_and_lists_what_it_leaves_open():
    shares = {}
    for tolerance in (0.0, 0.1, 0.5):
        raced = [run(gradual(s), n_selected=5, tolerance=tolerance, seed=s)[0] for s in range(20)]
        shares[tolerance] = np.mean([r.seen.mean() / 120 for r in raced])
        for one in raced:
            assert bool(one.near_ties) == (one.n_spared > 0)
            assert not set(one.near_ties) & set(one.selected)
            assert set(one.near_ties) < set(one.kept)
            said = "by more than" in one.statement
            assert said == bool(one.near_ties)
            assert ("those of the whole probe" in one.statement) != said
        assert any(one.near_ties for one in raced) == (tolerance > 0)
    assert shares[0.5] < shares[0.1] < shares[0.0]


def test_heads_alike_are_near_ties_at_the_first_looks():
    rng = np.random.default_rng(0)
    deltas = 1 + 1e-3 * rng.standard_normal((N_SAMPLES, 12))
    raced, _ = run(deltas, tolerance=0.1)
    assert raced.seen.sum() < 0.25 * deltas.size
    assert sorted([*raced.selected, *raced.near_ties]) == sorted(raced.kept)
    assert len(raced.kept) > N_TOP
    assert run(deltas)[0].seen.sum() > raced.seen.sum()
    assert "0.1 nats a token (10% of the least of them)" in raced.statement


def test_heads_that_wait_are_measured_no_sample_twice():
    for seed in range(5):
        raced, asked = run(gradual(seed), n_selected=5, tolerance=0.3, seed=seed)
        read = [(sample, head) for samples, heads in asked for sample in samples for head in heads]
        assert len(read) == len(set(read)) == raced.seen.sum()


def test_what_a_race_can_take_at_most_never_grows():
    for seed in range(10):
        told = []
        raced, _ = run(gradual(seed), n_selected=5, tolerance=0.1, seed=seed, on_look=told.append)
        most = [standing.at_most for standing in told]
        assert most[0] == 120 * N_HEADS
        assert most == sorted(most, reverse=True)
        assert all(s.done <= s.expected <= s.at_most for s in told)
        assert told[-1].done < raced.seen.sum() <= most[-1]
        assert [s.look for s in told][:3] == [1, 2, 3]
        assert told[0].n_left == N_HEADS > told[-1].n_left


def test_looks_grow_by_half_and_leaders_run_ahead():
    assert look_sizes(60, first=8) == [8, 12, 18, 27, 40]
    assert look_sizes(6, first=2) == [2, 3, 4]
    assert look_sizes(16, first=16) == []
    assert [leaders_size(n, 300) for n in (8, 75, 299)] == [49, 150, 300]
    assert leaders_size(8, 9) == 9
