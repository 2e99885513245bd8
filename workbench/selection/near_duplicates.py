"""Rows whose texts are nearly those of a row before them, found by their signatures' bands.

    stays_for = stand_ins(signatures, order, least=0.8)

A row is only compared with rows that share a band with it (locality-sensitive hashing), so that a
pool is not compared with itself row by row; bands are so narrow that few are missed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from jaxtyping import Int32, Int64, UInt32

from workbench.selection.signatures import N_PLACES, likeness

MOST_MISSED = 0.01
ALONE = -1


def stand_ins(
    signatures: UInt32[np.ndarray, "row place"],
    order: Int64[np.ndarray, " sample"],
    *,
    least: float,
    n_kept: int = 0,
) -> Int64[np.ndarray, " sample"]:
    """For each row of `order` the first before it that stays and is `least` alike; else itself.

    `order` are rows of `signatures`, and what comes back as well. A row with a stand-in stands in
    for none: what is left out is nearly a row that stays. The first `n_kept` stay in any case.
    """
    found = order.copy()
    holders: defaultdict[int, list[int]] = defaultdict(list)
    buckets = _buckets(signatures, order, width=band_width(least))
    for place in np.flatnonzero((buckets != ALONE).any(axis=1)).tolist():
        mine = [bucket for bucket in buckets[place].tolist() if bucket != ALONE]
        before = np.array(sorted({p for bucket in mine for p in holders[bucket]}), dtype=np.int64)
        if place >= n_kept and len(before):
            alike = likeness(signatures[order[place]], signatures[order[before]]) >= least
            if alike.any():
                found[place] = order[before[alike.argmax()]]
                continue
        for bucket in mine:
            holders[bucket].append(place)
    return found


def missed(likeness: float, width: int) -> float:
    """The chance that two signatures share no band of `width` places, for texts so alike."""
    return (1 - likeness**width) ** (N_PLACES // width)


def band_width(least: float) -> int:
    """The widest bands by which at most one pair in a hundred, `least` alike, is missed."""
    widths = range(N_PLACES, 0, -1)
    return next((width for width in widths if missed(least, width) <= MOST_MISSED), 1)


def _buckets(
    signatures: UInt32[np.ndarray, "row place"], order: Int64[np.ndarray, " sample"], *, width: int
) -> Int32[np.ndarray, "sample band"]:
    """A number for each row and band that rows with the same band share; ALONE where none does."""
    bands = list(_bands(signatures, order, width))
    buckets = np.full((len(order), len(bands)), ALONE, dtype=np.int32)
    for i, keys in enumerate(bands):
        _, codes, counts = np.unique(keys, return_inverse=True, return_counts=True)
        shared = counts[codes] > 1
        buckets[shared, i] = codes[shared] * len(bands) + i
    return buckets


def _bands(
    signatures: UInt32[np.ndarray, "row place"], order: Int64[np.ndarray, " sample"], width: int
) -> Iterator[np.ndarray]:
    """Each band of every row as one number; that two differ and look equal costs a comparison."""
    factors = np.random.default_rng(0).integers(2**63, size=width, dtype=np.uint64) * 2 + 1
    for start in range(0, N_PLACES - width + 1, width):
        band = signatures[order, start : start + width]
        yield (band * factors).sum(axis=1, dtype=np.uint64)
