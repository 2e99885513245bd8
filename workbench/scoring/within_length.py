"""The percentile of a score among the rows nearest in length: free of length by construction.

percentiles = score_within_length(scores, lengths, row_ids)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float64, Int
from pyarrow.compute import SortOptions, call_function

MOST, LEAST = 200, 20
CHUNK = 4_096


def n_neighbours(n_rows: int) -> int:
    """200 rows; in a smaller pool a tenth of it, at least 20, at most all others."""
    return min(max(n_rows - 1, 0), MOST, max(LEAST, n_rows // 10))


def score_within_length(
    scores: Float64[np.ndarray, " row"],
    lengths: Int[np.ndarray, " row"],
    row_ids: Sequence[str] | pa.ChunkedArray,
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
    order = usable[_by_length(lengths[usable], _ids_of(row_ids, usable, len(scores)))]
    sorted_scores, sorted_lengths = scores[order], lengths[order].astype(np.int64)
    for start in range(0, len(order), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(order)))
        nearest = _window_starts(sorted_lengths, rows, k)[:, None] + np.arange(k + 1)
        others, own = sorted_scores[nearest], sorted_scores[rows, None]
        below = (others < own).sum(1) + 0.5 * ((others == own).sum(1) - 1)
        result[order[rows]] = below / k
    return result


def _ids_of(
    row_ids: Sequence[str] | pa.ChunkedArray, places: Int[np.ndarray, " place"], n_rows: int
) -> pa.Array | pa.ChunkedArray:
    ids: Any = row_ids
    if not isinstance(row_ids, pa.ChunkedArray):
        ids = pa.array(row_ids, pa.large_string())
    return ids if len(places) == n_rows else ids.take(pa.array(places))


def _by_length(
    lengths: Int[np.ndarray, " row"], ids: pa.Array | pa.ChunkedArray
) -> Int[np.ndarray, " row"]:
    """The places of the rows by length, and of equal length by id."""
    table = pa.table({"length": lengths, "id": ids})
    keys = [("length", "ascending"), ("id", "ascending")]
    return call_function("sort_indices", [table], SortOptions(keys)).to_numpy().astype(np.int64)


def _window_starts(
    lengths: Int[np.ndarray, " row"], rows: Int[np.ndarray, " chosen"], k: int
) -> Int[np.ndarray, " chosen"]:
    """Start of the k + 1 consecutive rows (itself included) nearest in length to each of `rows`.

    Among windows that are equally near the one most centred on the row is taken.
    """
    n, own = len(lengths), lengths[rows]
    low, high = np.maximum(rows - k, 0), np.minimum(rows, n - 1 - k)
    best = np.clip(rows - k // 2, low, high)
    while True:
        left, right = np.maximum(best - 1, low), np.minimum(best + 1, high)
        # Sliding left swaps the last row of the window for the one before it, and vice versa.
        gain_left = (lengths[best + k] - own) - (own - lengths[left])
        gain_right = (own - lengths[best]) - (lengths[right + k] - own)
        go_left = (left < best) & (gain_left > 0)
        go_right = (right > best) & (gain_right > 0) & ~go_left
        if not (go_left.any() or go_right.any()):
            return best
        best = np.where(go_left, left, np.where(go_right, right, best))
