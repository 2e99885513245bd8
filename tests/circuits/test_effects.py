import numpy as np
import pytest

from workbench.circuits.effects import (
    excess_difference,
    p_value,
    relative_rise,
    set_effect,
    share_interval,
)


@pytest.mark.parametrize(
    ("cost", "expected"), [(5.0, 1 / 5), (4.0, 2 / 5), (2.5, 3 / 5), (0.0, 5 / 5)]
)
def test_the_p_value_counts_the_circuit_itself_and_draws_that_cost_as_much(cost, expected):
    assert p_value(cost, np.array([1.0, 2.0, 3.0, 4.0])) == pytest.approx(expected)


def test_costs_that_differ_by_rounding_are_equal():
    assert p_value(0.1 + 0.2, np.array([0.3])) == 1.0


def test_the_effect_is_worked_out_by_hand():
    """The circuit costs 3; two random sets cost 0.5 and 1.5: mean 1, deviation sqrt(1/2)."""
    found = set_effect(np.array([2.0, 4.0]), np.array([[0.0, 1.0], [1.0, 2.0]]))
    assert found["cost"] == 3
    assert found["random_cost"] == 1
    assert found["difference"] == 2
    assert found["ratio"] == 3
    assert found["spread"] == pytest.approx(2 / np.sqrt(0.5))
    assert found["p"] == pytest.approx(1 / 3)
    assert found["low"] < 2 < found["high"]


def test_without_spread_or_random_cost_there_is_no_ratio():
    found = set_effect(np.array([1.0, 1.0]), np.zeros((3, 2)))
    assert found["ratio"] is None
    assert found["spread"] is None
    assert (found["low"], found["high"]) == (1, 1)


def test_nineteen_in_twenty_intervals_cover_the_true_difference():
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(200):
        of_sample, of_set = rng.normal(size=30), rng.normal(size=(25, 1))
        circuit = 1.0 + of_sample
        random = 0.3 * of_sample + of_set + 0.2 * rng.normal(size=(25, 30))
        found = set_effect(circuit, random, seed=seed, n_resamples=300)
        covered += found["low"] <= 1.0 <= found["high"]
    assert 0.88 <= covered / 200 <= 0.99


def test_samples_are_paired_so_that_shared_difficulty_cancels():
    shared = np.random.default_rng(0).normal(size=50) * 10
    found = set_effect(shared + 1, np.tile(shared, (4, 1)))
    assert found["low"] == pytest.approx(1)
    assert found["high"] == pytest.approx(1)


@pytest.mark.parametrize(
    ("n_right", "n", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (0, 0, 0, 1)],
)
def test_wilsons_interval_agrees_with_its_published_values(n_right, n, low, high):
    assert share_interval(n_right, n) == pytest.approx((low, high), abs=1e-4)


def test_a_rise_is_a_share_of_the_unchanged_loss():
    assert relative_rise(np.array([1.0, 3.0]), np.array([2.0, 4.0])) == pytest.approx(0.5)


def test_the_excess_here_less_that_there_is_worked_out_by_hand():
    found = excess_difference(np.array([0.5, 0.7]), np.array([0.25, 0.25]))
    assert found["problems"] == pytest.approx(0.6)
    assert found["control"] == pytest.approx(0.25)
    assert found["difference"] == pytest.approx(0.35)
    assert 0.25 - 1e-9 <= found["low"] < found["high"] <= 0.45 + 1e-9


def test_a_noisy_difference_has_a_wide_interval():
    rng = np.random.default_rng(1)
    found = excess_difference(rng.normal(size=40), rng.normal(size=40))
    assert found["low"] < found["difference"] < found["high"]
    assert found["low"] < 0 < found["high"]
