import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.circuits.bootstrap import bootstrap_heads


def noise(n_samples=40, n_heads=12, *, seed=0):
    return np.random.default_rng(seed).normal(size=(n_samples, n_heads))


@given(st.integers(0, 2**16), st.integers(1, 30), st.integers(1, 6))
def test_intervals_are_ordered_and_stabilities_are_shares(seed, n_samples, n_selected):
    deltas = noise(n_samples, 6, seed=seed)
    low, high, stability = bootstrap_heads(deltas, n_selected=n_selected, seed=0, n_resamples=50)
    assert (low <= high).all()
    assert ((stability >= 0) & (stability <= 1)).all()
    assert stability.sum() == pytest.approx(n_selected)


def test_the_interval_lies_around_the_sample_mean():
    deltas = noise()
    low, high, _ = bootstrap_heads(deltas, n_selected=2, seed=0)
    assert ((low < deltas.mean(axis=0)) & (deltas.mean(axis=0) < high)).all()


def test_nine_in_ten_intervals_at_least_cover_the_true_mean():
    truth = np.linspace(-1, 1, 300)
    low, high, _ = bootstrap_heads(noise(60, 300) + truth, n_selected=2, seed=0, n_resamples=500)
    covered = ((low <= truth) & (truth <= high)).mean()
    assert 0.9 < covered < 0.98


def test_the_interval_is_as_wide_as_the_normal_one():
    deltas = noise(200, 4)
    low, high, _ = bootstrap_heads(deltas, n_selected=1, seed=0)
    expected = 2 * 1.96 * deltas.std(axis=0) / np.sqrt(200)
    np.testing.assert_allclose(high - low, expected, rtol=0.1)


def test_a_lower_level_gives_a_narrower_interval():
    low, high, _ = bootstrap_heads(noise(), n_selected=2, seed=0)
    low_half, high_half, _ = bootstrap_heads(noise(), n_selected=2, seed=0, level=0.5)
    assert (low < low_half).all()
    assert (high_half < high).all()


def test_samples_that_agree_leave_no_doubt():
    deltas = np.tile(np.array([0.5, 2.0, 1.0]), (7, 1))
    low, high, stability = bootstrap_heads(deltas, n_selected=1, seed=3)
    np.testing.assert_allclose([low, high], [deltas[0], deltas[0]])
    assert stability.tolist() == [0, 1, 0]


def test_a_planted_head_is_always_selected():
    deltas = noise()
    deltas[:, 5] += 50
    _, _, stability = bootstrap_heads(deltas, n_selected=2, seed=0)
    assert stability[5] == 1
    assert (np.delete(stability, 5) < 1).all()


def test_samples_are_drawn_together_for_all_heads():
    """Two heads that differ by a hair on every sample never change places."""
    shared = 10 * noise(n_heads=1)
    _, _, stability = bootstrap_heads(np.hstack([shared, shared + 1e-3]), n_selected=1, seed=0)
    assert stability.tolist() == [0, 1]


def test_the_seed_decides():
    def run(seed):
        return np.array(bootstrap_heads(noise(), n_selected=2, seed=seed))

    assert np.array_equal(run(1), run(1))
    assert not np.array_equal(run(1), run(2))
