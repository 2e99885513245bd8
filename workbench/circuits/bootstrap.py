"""How sure is a ranking of heads? Paired bootstrap over the probe's samples.

low, high, stability = bootstrap_heads(deltas, n_selected=3, seed=0)
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int

N_RESAMPLES = 2000


def bootstrap_heads(
    deltas: Float64[np.ndarray, "sample head"],
    *,
    n_selected: int,
    seed: int,
    n_resamples: int = N_RESAMPLES,
    level: float = 0.95,
) -> tuple[
    Float64[np.ndarray, " head"], Float64[np.ndarray, " head"], Float64[np.ndarray, " head"]
]:
    """Percentile interval of each head's mean delta, and how often it is among the selected.

    Samples are drawn together for all heads (paired), so the ranking's own spread is measured.
    """
    rng = np.random.default_rng(seed)
    means = _counts(len(deltas), n_resamples, rng) @ deltas / len(deltas)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high, selected_share(means, n_selected)


def resample_weights(
    n_samples: int, n_resamples: int, rng: np.random.Generator
) -> Float64[np.ndarray, "resample sample"]:
    """Weight of each sample in the mean of each resample; rows sum to 1."""
    return _counts(n_samples, n_resamples, rng) / n_samples


def _counts(
    n_samples: int, n_resamples: int, rng: np.random.Generator
) -> Int[np.ndarray, "resample sample"]:
    return rng.multinomial(n_samples, np.full(n_samples, 1 / n_samples), size=n_resamples)


def ranks_of(values: Float64[np.ndarray, "resample head"]) -> Int[np.ndarray, "resample head"]:
    """Ranks within each row, 0 for the largest; equal values in the order of the heads."""
    return np.argsort(np.argsort(-values, axis=1, kind="stable"), axis=1)


def selected_share(
    values: Float64[np.ndarray, "resample head"], n_selected: int
) -> Float64[np.ndarray, " head"]:
    """The share of resamples in which each head is among the `n_selected` largest."""
    return (ranks_of(values) < n_selected).mean(axis=0)
