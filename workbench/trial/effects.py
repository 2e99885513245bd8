"""How much better one arm is than another, over the same problems and seeds, and how sure.

effect = paired_effect(losses, losses + 0.1)
effect.mean, effect.low, effect.high
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64
from scipy.stats import norm
from scipy.stats import t as student

N_RESAMPLES = 4000
LEVEL = 0.95
Losses = Float64[np.ndarray, "seed problem"]


class Effect(NamedTuple):
    """Mean of arm less control, with its 95 % interval; without one where a single seed was run."""

    mean: float
    low: float | None
    high: float | None

    @property
    def is_below(self) -> bool:
        return self.high is not None and self.high < 0

    @property
    def is_above(self) -> bool:
        return self.low is not None and self.low > 0


def paired_effect(
    arm: Losses, control: Losses, *, seed: int = 0, n_resamples: int = N_RESAMPLES
) -> Effect:
    """Paired bootstrap over seeds and problems (docs/methods.md, Trials).

    Seeds and problems are drawn anew apart from each other, and their deviations from the mean
    added. Those of the seeds are stretched to what Student's distribution gives for so few: a
    percentile interval of three seeds alone would be half as wide as it has to be.
    """
    each = arm - control
    n_seeds = len(each)
    mean = float(each.mean())
    if n_seeds == 1:
        return Effect(mean, None, None)
    rng = np.random.default_rng(seed)
    deviations = [
        _resampled(each.mean(axis=0), n_resamples, rng),
        _resampled(each.mean(axis=1), n_resamples, rng) * stretch(n_seeds),
    ]
    ends = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    low, high = np.quantile(mean + sum(deviations), ends).tolist()
    return Effect(mean, low, high)


def stretch(n: int) -> float:
    """What the spread of bootstrapped means of `n` values lacks: their variance, and its own."""
    reach = student.ppf((1 + LEVEL) / 2, n - 1) / norm.ppf((1 + LEVEL) / 2)
    return float(reach) * math.sqrt(n / (n - 1))


def _resampled(
    values: Float64[np.ndarray, " value"], n_resamples: int, rng: np.random.Generator
) -> Float64[np.ndarray, " resample"]:
    """Deviations of the means of resamples from the mean of the values."""
    n = len(values)
    counts = rng.multinomial(n, np.full(n, 1 / n), size=n_resamples)
    return counts @ (values - values.mean()) / n
