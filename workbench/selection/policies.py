"""In which order rows are taken: five policies as pure functions of scores, lengths and a seed.

Soft sampling follows CircuitSeer (arXiv 2510.18470): rows are drawn without replacement with
p = S / sum S. It is done in one exact pass by exponential keys (Efraimidis and Spirakis 2006):
the rows with the smallest -log(u) / w are such a draw. Because u comes from a hash of seed and
row id, the draw does not depend on the order of the rows or on how they are split into shards.

    pool = Pool(np.array([0.2, 0.5]), np.array([90, 120]), uniforms(["a", "b"], seed=0))
    order = POLICIES["soft"].order(pool)
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float64, Int64

UNIFORM_BITS = 52
AT_ONCE = 65_536
MIN_BIN_ROWS, MAX_BIN_ROWS, N_BINS = 20, 200, 20


@dataclass(frozen=True)
class Pool:
    """What a policy may look at: one entry a row, in row order."""

    scores: Float64[np.ndarray, " sample"]
    n_tokens: Int64[np.ndarray, " sample"]
    uniforms: Float64[np.ndarray, " sample"]
    temperature: float = 1.0


@dataclass(frozen=True)
class Policy:
    """How rows are ordered (first to last) and with which log weights they could be drawn.

    `log_weights` is None where nothing is drawn. A policy with `matches_length` orders the rows
    that are then replaced by random rows of like length.
    """

    order: Callable[[Pool], Int64[np.ndarray, " sample"]]
    log_weights: Callable[[Pool], Float64[np.ndarray, " sample"]] | None
    matches_length: bool = False


def uniforms(row_ids: Sequence[str] | pd.Series, seed: int | str) -> Float64[np.ndarray, " sample"]:
    """A number strictly between 0 and 1 for each row, fixed by seed and row id alone."""
    begun = hashlib.blake2b(f"{seed}|".encode(), digest_size=8)
    ids = row_ids.array if isinstance(row_ids, pd.Series) else row_ids
    words = np.empty(len(ids), dtype=np.uint64)
    for start in range(0, len(words), AT_ONCE):
        some = np.asarray(ids[start : start + AT_ONCE], dtype=object)
        hashes = [_digest(begun, str(row_id)) for row_id in some]
        words[start : start + AT_ONCE] = np.frombuffer(b"".join(hashes), dtype=">u8")
    # With 52 bits, adding a half is exact, so neither 0 nor 1 can come out.
    return ((words >> np.uint64(64 - UNIFORM_BITS)) + 0.5) / 2.0**UNIFORM_BITS


def _digest(begun: Any, row_id: str) -> bytes:
    hashed = begun.copy()
    hashed.update(row_id.encode())
    return hashed.digest()


def soft_log_weights(pool: Pool) -> Float64[np.ndarray, " sample"]:
    """log w with w = S^(1/temperature); -inf where the score is 0."""
    with np.errstate(divide="ignore"):
        return np.log(pool.scores) / pool.temperature


def equal_log_weights(pool: Pool) -> Float64[np.ndarray, " sample"]:
    """log w with w = 1 for every row."""
    return np.zeros(len(pool.scores))


def soft_order(pool: Pool) -> Int64[np.ndarray, " sample"]:
    """Draw without replacement in proportion to S^(1/temperature); scores must not be negative.

    Rows of score 0 come after all others, in random order.
    """
    log_keys = np.log(pool.uniforms)
    # In place: a pool may be large.
    np.log(np.negative(log_keys, out=log_keys), out=log_keys)
    log_keys -= soft_log_weights(pool)
    order = np.argsort(log_keys)
    keys = log_keys[order]
    has_ties = bool((keys[1:] == keys[:-1]).any())
    return np.lexsort((-pool.uniforms, log_keys)) if has_ties else order


def random_order(pool: Pool) -> Int64[np.ndarray, " sample"]:
    """Draw without replacement, every row alike: soft sampling with w = 1."""
    return np.argsort(-pool.uniforms, kind="stable")


def top_order(pool: Pool) -> Int64[np.ndarray, " sample"]:
    """Highest score first; equal scores in row order."""
    return np.argsort(-pool.scores, kind="stable")


def bottom_order(pool: Pool) -> Int64[np.ndarray, " sample"]:
    """Lowest score first; equal scores in row order."""
    return np.argsort(pool.scores, kind="stable")


def match_lengths(chosen: Int64[np.ndarray, " chosen"], pool: Pool) -> Int64[np.ndarray, " chosen"]:
    """For each chosen row a random row of like length, without replacement (ours).

    The pool is cut into bins of neighbouring lengths (a twentieth of the pool, 20 to 200 rows), and
    from each bin as many rows are drawn as were chosen in it. Chosen rows may be drawn again: left
    out, they would take the ends of the length range with them.
    """
    bins = length_bins(pool)
    by_bin = np.lexsort((-pool.uniforms, bins))
    starts = np.searchsorted(bins[by_bin], np.arange(bins.max() + 1))
    chosen_bins = bins[chosen]
    return by_bin[starts[chosen_bins] + _occurrence(chosen_bins)]


def like_lengths(
    chosen: Int64[np.ndarray, " chosen"],
    n_tokens: Int64[np.ndarray, " sample"],
    uniforms: Float64[np.ndarray, " sample"],
) -> Int64[np.ndarray, " chosen"]:
    """`match_lengths` for lengths and random numbers alone."""
    return match_lengths(chosen, Pool(np.zeros(len(n_tokens)), n_tokens, uniforms))


def length_bins(pool: Pool) -> Int64[np.ndarray, " sample"]:
    """The bin of each row: neighbours in length share one, all bins are about equally full."""
    n_rows = len(pool.n_tokens)
    bin_rows = min(MAX_BIN_ROWS, max(MIN_BIN_ROWS, n_rows // N_BINS))
    n_bins = max(1, n_rows // bin_rows)
    # Equal lengths may fall into two bins. Which, must not follow from the bits that decide the
    # draw within a bin, so the low bits of u break the tie.
    low_bits = (pool.uniforms * 2.0**20) % 1.0
    bins = np.empty(n_rows, dtype=np.int64)
    bins[np.lexsort((low_bits, pool.n_tokens))] = np.arange(n_rows) * n_bins // n_rows
    return bins


def _occurrence(values: Int64[np.ndarray, " chosen"]) -> Int64[np.ndarray, " chosen"]:
    """How many equal values stand before each one."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    occurrence = np.empty(len(values), dtype=np.int64)
    occurrence[order] = np.arange(len(values)) - np.searchsorted(ordered, ordered)
    return occurrence


POLICIES: dict[str, Policy] = {
    "soft": Policy(soft_order, soft_log_weights),
    "top": Policy(top_order, None),
    "bottom": Policy(bottom_order, None),
    "random": Policy(random_order, equal_log_weights),
    "length-matched": Policy(top_order, equal_log_weights, matches_length=True),
}
