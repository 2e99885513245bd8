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


def bootstrap_seen(
    deltas: Float64[np.ndarray, "sample head"],
    *,
    seed: int,
    n_resamples: int = N_RESAMPLES,
    level: float = 0.95,
) -> tuple[
    Float64[np.ndarray, " head"],
    Float64[np.ndarray, " head"],
    Float64[np.ndarray, "resample head"],
]:
    """Percentile intervals where heads saw different samples (NaN: not seen), and all resamples.

    The same draws as `bootstrap_heads`; a head's mean is over those of its own samples.
    """
    seen = ~np.isnan(deltas)
    counts = _counts(len(deltas), n_resamples, np.random.default_rng(seed))
    n_drawn = counts @ seen.astype(float)
    # A resample without any of a head's few samples says nothing of it: its mean stands in.
    own = np.nansum(deltas, axis=0) / np.maximum(seen.sum(axis=0), 1)
    totals = counts @ np.where(seen, deltas, 0.0)
    means = np.where(n_drawn > 0, totals / np.maximum(n_drawn, 1), own)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high, means


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
