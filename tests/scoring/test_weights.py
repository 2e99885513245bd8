"""Weights of steps: each rule by hand, and the mean token weight of a sample is always 1."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.scoring import WEIGHTS, step_weights

STEPS = st.lists(st.tuples(st.floats(-50, 50), st.integers(1, 500)), min_size=1, max_size=20)


def weights_of(scores, n_tokens, *, rule, temperature=1.0, top=0.2):
    return step_weights(
        np.array(scores, dtype=np.float64),
        np.array(n_tokens, dtype=np.int64),
        rule=rule,
        temperature=temperature,
        top=top,
    )


@pytest.mark.parametrize("rule", WEIGHTS)
@given(steps=STEPS, temperature=st.floats(0.05, 100), top=st.floats(0.01, 1))
def test_the_mean_token_weight_is_1(rule, steps, temperature, top):
    scores, n_tokens = zip(*steps, strict=True)
    weights = weights_of(scores, n_tokens, rule=rule, temperature=temperature, top=top)
    assert (weights >= 0).all()
    assert np.average(weights, weights=n_tokens) == pytest.approx(1)


@pytest.mark.parametrize("rule", WEIGHTS)
@given(steps=STEPS)
def test_more_influence_never_weighs_less(rule, steps):
    scores, n_tokens = zip(*steps, strict=True)
    weights = weights_of(scores, n_tokens, rule=rule)[np.argsort(scores, kind="stable")]
    # Of equal scores the earlier step may be the one weighted up.
    rising = np.diff(np.sort(scores)) > 0
    assert (np.diff(weights)[rising] >= -1e-12).all()


@pytest.mark.parametrize("rule", WEIGHTS)
def test_equal_steps_and_single_steps_weigh_1(rule):
    assert weights_of([0.7], [9], rule=rule).tolist() == [1]
    if rule != "top-fraction":
        assert weights_of([0.7] * 4, [9, 1, 5, 2], rule=rule).tolist() == pytest.approx([1] * 4)


def test_the_top_steps_weigh_twice_as_much_worked_by_hand():
    weights = weights_of([0.1, 0.9, 0.3, 0.2], [10, 10, 10, 10], rule="top-fraction", top=0.25)
    assert weights.tolist() == pytest.approx([0.8, 1.6, 0.8, 0.8])
    # A fifth of 12 steps is 2.4: two.
    assert (weights_of(range(12), [4] * 12, rule="top-fraction") > 1).sum() == 2


def test_softmax_and_linear_worked_by_hand():
    weights = weights_of([0.0, np.log(3)], [5, 5], rule="softmax")
    assert weights.tolist() == pytest.approx([0.5, 1.5])
    weights = weights_of([0.0, 2 * np.log(3)], [5, 5], rule="softmax", temperature=2.0)
    assert weights.tolist() == pytest.approx([0.5, 1.5])
    # 1 + score, clipped to 0.5 and 2, over the mean 1.25.
    weights = weights_of([0.5, -9, 9, 0], [1, 1, 1, 1], rule="linear")
    assert weights.tolist() == pytest.approx([1.2, 0.4, 1.6, 0.8])


def test_a_very_small_temperature_leaves_the_top_step_alone_and_does_not_overflow():
    weights = weights_of([1.0, 2.0], [3, 1], rule="softmax", temperature=1e-3)
    assert weights.tolist() == pytest.approx([0, 4])
