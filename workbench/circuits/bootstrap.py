"""How sure is a ranking of heads? Paired bootstrap over the probe's samples.

low, high, stability = bootstrap_heads(deltas, n_selected=3, seed=0)
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64


def bootstrap_heads(
    deltas: Float64[np.ndarray, "sample head"],
    *,
    n_selected: int,
    seed: int,
    n_resamples: int = 2000,
    level: float = 0.95,
) -> tuple[
    Float64[np.ndarray, " head"], Float64[np.ndarray, " head"], Float64[np.ndarray, " head"]
]:
    """Percentile interval of each head's mean delta, and how often it is among the selected.

    Samples are drawn together for all heads (paired), so the ranking's own spread is measured.
    """
    rng = np.random.default_rng(seed)
    n_samples = len(deltas)
    counts = rng.multinomial(n_samples, np.full(n_samples, 1 / n_samples), size=n_resamples)
    means = counts @ deltas / n_samples
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=0)
    ranks = np.argsort(np.argsort(-means, axis=1, kind="stable"), axis=1)
    return low, high, (ranks < n_selected).mean(axis=0)
