"""Intervals that hold what they promise for few seeds, and verdicts that follow from them."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.trial import paired_effect, sentences
from workbench.trial.effects import stretch


def drawn(rng, *, n_seeds, n_problems=40, effect=0.0, seeds=0.05, problems=0.1, noise=0.1):
    """Losses of an arm and of a control over the same problems."""
    shape = (n_seeds, n_problems)
    control = 1.0 + rng.normal(0, 1, n_problems) + rng.normal(0, noise, shape)
    shift = rng.normal(0, seeds, (n_seeds, 1)) + rng.normal(0, problems, n_problems)
    return control + effect + shift + rng.normal(0, noise, shape), control


@pytest.mark.parametrize("n_seeds", [2, 3, 5])
def test_an_interval_rarely_excludes_the_truth_however_few_the_seeds(n_seeds):
    rng = np.random.default_rng(n_seeds)
    wrong = 0
    for _ in range(150):
        losses = drawn(rng, n_seeds=n_seeds, effect=0.3)
        effect = paired_effect(*losses, n_resamples=500)
        wrong += not effect.low <= 0.3 <= effect.high
    assert wrong / 150 <= 0.08


def test_an_effect_that_stands_out_is_found():
    rng = np.random.default_rng(0)
    effects = [paired_effect(*drawn(rng, n_seeds=3, effect=-1.0)) for _ in range(20)]
    assert all(effect.is_below for effect in effects)


def test_equal_arms_differ_by_nothing_and_one_seed_has_no_interval():
    losses, _ = drawn(np.random.default_rng(0), n_seeds=3)
    assert paired_effect(losses, losses) == (0, 0, 0)
    assert paired_effect(losses[:1], losses[:1] + 1) == (pytest.approx(-1), None, None)


def test_the_stretch_is_students_and_vanishes_with_many_seeds():
    # 4.303 / 1.960 * sqrt(3 / 2), from the table of Student's distribution.
    assert stretch(3) == pytest.approx(4.303 / 1.960 * np.sqrt(1.5), rel=1e-3)
    assert stretch(1000) == pytest.approx(1, abs=0.01)


def comparison(arm, against, says, low=-0.1, high=0.1, measure="loss"):
    return {
        "measure": measure,
        "arm": arm,
        "against": against,
        "difference": (low + high) / 2,
        "low": low,
        "high": high,
        "says": says,
    }


def test_a_null_result_says_what_would_have_shown():
    said = sentences(["a"], [comparison("a", "random", "no difference", -0.01, 0.03)], beat=[])
    assert said[0] == "No selection beat random rows at equal tokens."
    assert said[1] == (
        "a: cannot be told from random rows, held-out loss +0.0100 nats per token (95 % interval "
        "-0.0100 to +0.0300); a difference below 0.0200 would not have shown."
    )
    assert "0.1 fall outside" in said[-1]


def test_what_beats_random_but_not_its_lengths_is_told_to_be_lengths():
    compared = [
        comparison("a", "random", "better", -0.3, -0.1),
        comparison("a", "random, lengths of a", "no difference"),
    ]
    (_, said, *_) = sentences(["a"], compared, beat=["a"])
    assert said.startswith("a: beat random rows, held-out loss -0.2000")
    assert said.endswith("What it gains may be its lengths alone.")
    worse = [comparison("a", "random", "worse", 0.1, 0.3)]
    assert "a: did worse than random rows" in sentences(["a"], worse, beat=[])[1]
