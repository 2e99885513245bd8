"""The percentile of a score among the rows nearest in length: free of length by construction.

percentiles = score_within_length(scores, lengths, row_ids)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int

MOST, LEAST = 200, 20
CHUNK = 4_096


def n_neighbours(n_rows: int) -> int:
    """200 rows; in a smaller pool a tenth of it, at least 20, at most all others."""
    return min(max(n_rows - 1, 0), MOST, max(LEAST, n_rows // 10))


def score_within_length(
    scores: Float64[np.ndarray, " row"],
    lengths: Int[np.ndarray, " row"],
    row_ids: Sequence[str],
) -> Float64[np.ndarray, " row"]:
    """Share of the neighbours in length with a lower score, ties counting half; in [0, 1].

    NaN scores stay NaN and are nobody's neighbour. Rows of equal length are ordered by id, so the
    result does not depend on the order of the rows (docs/methods.md, Score within length).
    """
    result = np.full(len(scores), np.nan)
    usable = np.flatnonzero(np.isfinite(scores))
    k = n_neighbours(len(usable))
    if k == 0:
        result[usable] = 0.5
        return result
    ids = np.asarray(row_ids, dtype=object)[usable]
    order = usable[np.lexsort((ids, lengths[usable]))]
    sorted_scores, sorted_lengths = scores[order], lengths[order].astype(np.int64)
    first = _window_starts(sorted_lengths, k)
    for start in range(0, len(order), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(order)))
        nearest = first[rows, None] + np.arange(k + 1)
        others, own = sorted_scores[nearest], sorted_scores[rows, None]
        below = (others < own).sum(1) + 0.5 * ((others == own).sum(1) - 1)
        result[order[rows]] = below / k
    return result


def _window_starts(lengths: Int[np.ndarray, " row"], k: int) -> Int[np.ndarray, " row"]:
    """Start of the k + 1 consecutive rows (itself included) nearest in length to each row.

    Among windows that are equally near the one most centred on the row is taken.
    """
    n = len(lengths)
    starts = np.empty(n, dtype=np.int64)
    rows = np.arange(n)
    low, high = np.maximum(rows - k, 0), np.minimum(rows, n - 1 - k)
    best = np.clip(rows - k // 2, low, high)
    while True:
        left, right = np.maximum(best - 1, low), np.minimum(best + 1, high)
        # Sliding left swaps the last row of the window for the one before it, and vice versa.
        gain_left = (lengths[best + k] - lengths) - (lengths - lengths[left])
        gain_right = (lengths - lengths[best]) - (lengths[right + k] - lengths)
        go_left = (left < best) & (gain_left > 0)
        go_right = (right > best) & (gain_right > 0) & ~go_left
        if not (go_left.any() or go_right.any()):
            starts[:] = best
            return starts
        best = np.where(go_left, left, np.where(go_right, right, best))
