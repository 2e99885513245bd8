"""Is a head's mean over the whole probe below another's? Student's interval on what was drawn.

student_quantile(0.975, 7)

Pure: arrays of loss increases in, and which heads are certainly below out.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from jaxtyping import Bool, Float64


def certainly_below(
    deltas: Float64[np.ndarray, "drawn head"],
    leaders: Float64[np.ndarray, "ahead leader"],
    n_samples: int,
    *,
    level: float,
    n_chosen: int | None = None,
    margin: float = 0.0,
) -> Bool[np.ndarray, " head"]:
    """Which heads have means over all `n_samples` below that of every leader, `margin` added?

    One-sided by Student's t, with the correction for drawing without replacement. The leaders were
    chosen for what they did on the first `n_chosen` samples (those `drawn`, unless given): these
    are taken as they are, and only those `ahead` of them speak for the rest. Wrong for a head no
    worse than a leader by `margin` with probability of at most `level` where means are near normal.
    """
    n_drawn = len(deltas)
    n_chosen = n_chosen or n_drawn
    n_rest = n_samples - n_chosen
    share, fresh = n_rest / n_samples, leaders[n_chosen:]
    reached = (1 - share) * leaders[:n_chosen].mean(axis=0)
    if len(fresh):
        reached = reached + share * fresh.mean(axis=0)
    of_leaders = share * standard_errors(fresh, n_rest)
    spread = np.hypot(standard_errors(deltas, n_samples)[:, None], of_leaders)
    # Leaders run on the whole probe leave nothing to estimate; else the fewer samples decide.
    n_fewest = n_drawn if len(fresh) == n_rest else min(n_drawn, len(fresh))
    upper = deltas.mean(axis=0)[:, None] + student_quantile(1 - level, n_fewest - 1) * spread
    return (upper < reached + margin).all(axis=1)


def standard_errors(
    deltas: Float64[np.ndarray, "drawn head"], n_samples: int
) -> Float64[np.ndarray, " head"]:
    """Of the mean over `n_samples`, of which `drawn` were seen: nothing is left open at the end."""
    n_drawn = len(deltas)
    if n_drawn == n_samples:
        return np.zeros(deltas.shape[1])
    return deltas.std(axis=0, ddof=1) * np.sqrt((1 - n_drawn / n_samples) / n_drawn)


@cache
def student_quantile(probability: float, degrees: int) -> float:
    """The quantile of Student's t, by integrating its density over the angle of t / sqrt(degrees).

    Good to about 1e-4 of its value for the probabilities met here.
    """
    angle = np.linspace(-np.pi / 2, np.pi / 2, 2**18 + 1)
    density = np.cos(angle) ** (degrees - 1)
    steps = (density[1:] + density[:-1]) / 2
    share = np.concatenate([[0.0], np.cumsum(steps)]) / steps.sum()
    return float(np.sqrt(degrees) * np.tan(np.interp(probability, share, angle)))
