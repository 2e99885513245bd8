"""Would another probe have chosen the same heads? Resampled probes, and its two halves.

found = probe_stability(importance, n_selected=3, seed=0)
found["bootstrap"]["overlap"], found["halves"]["rank_correlation"]
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int

from workbench.circuits.bootstrap import ranks_of, resample_weights
from workbench.circuits.contrast import Importance, head_values

N_DRAWS = 500


def probe_stability(
    importance: Importance,
    control: Importance | None = None,
    *,
    n_selected: int,
    seed: int = 0,
    n_draws: int = N_DRAWS,
) -> dict[str, Any]:
    """Overlap (Jaccard) of circuits and Spearman over all heads, mean and 90 % range of the draws.

    `bootstrap` holds the circuit of the whole probe against those of resampled probes; `halves`
    holds two disjoint halves against each other, which is what another probe of half the size
    would give. With a `control` probe both are resampled and the ranking is by contrast.
    """
    rng = np.random.default_rng(seed)
    probes = [importance] if control is None else [importance, control]
    resampled = [resample_weights(len(p.base_loss), n_draws, rng) for p in probes]
    halves = [_half_weights(len(p.base_loss), n_draws, rng) for p in probes]
    whole = np.repeat(_ranks(probes, None), n_draws, axis=0)
    first, second = (_ranks(probes, [pair[side] for pair in halves]) for side in (0, 1))
    return {
        "n_samples": len(importance.base_loss),
        "n_draws": n_draws,
        "bootstrap": _agreement(whole, _ranks(probes, resampled), n_selected),
        "halves": _agreement(first, second, n_selected),
    }


def _ranks(
    probes: list[Importance], weights: list[Float64[np.ndarray, "draw _"]] | None
) -> Int[np.ndarray, "draw head"]:
    names = ("weights", "control_weights")
    named = dict(zip(names, weights, strict=False)) if weights is not None else {}
    return ranks_of(head_values(*probes, **named))


def _half_weights(
    n_samples: int, n_draws: int, rng: np.random.Generator
) -> tuple[Float64[np.ndarray, "draw sample"], Float64[np.ndarray, "draw sample"]]:
    """Equal weights on one random half of the samples, and on the other."""
    if n_samples == 1:
        return np.ones((n_draws, 1)), np.ones((n_draws, 1))
    order = np.argsort(rng.random((n_draws, n_samples)), axis=1)
    of_first = order < n_samples // 2
    return _equal(of_first), _equal(~of_first)


def _equal(chosen: Bool[np.ndarray, "draw sample"]) -> Float64[np.ndarray, "draw sample"]:
    return chosen / chosen.sum(axis=1, keepdims=True)


def _agreement(
    a: Int[np.ndarray, "draw head"], b: Int[np.ndarray, "draw head"], n_selected: int
) -> dict[str, Any]:
    shared = ((a < n_selected) & (b < n_selected)).sum(axis=1)
    return {
        "overlap": _summary(shared / (2 * n_selected - shared)),
        "rank_correlation": _summary(spearman_of_ranks(a, b)),
    }


def spearman_of_ranks(
    a: Int[np.ndarray, "draw head"], b: Int[np.ndarray, "draw head"]
) -> Float64[np.ndarray, " draw"]:
    """Spearman's correlation of each pair of rows of ranks without ties; 1 for a single head."""
    n_heads = a.shape[1]
    if n_heads == 1:
        return np.ones(len(a))
    squares = ((a - b).astype(np.float64) ** 2).sum(axis=1)
    return 1 - 6 * squares / (n_heads * (n_heads**2 - 1))


def _summary(values: Float64[np.ndarray, " draw"]) -> dict[str, float]:
    low, high = np.quantile(values, [0.05, 0.95])
    return {"mean": float(values.mean()), "low": float(low), "high": float(high)}
