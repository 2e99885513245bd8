"""What a selection is held against: as many rows at random, and random rows of the same lengths.

    draws = control_draws(np.array([0, 3]), np.array([9, 7, 7, 8]), row_ids)  # places, by control
    verdict(np.array([3.0, 4.0]), np.array([1.0, 2.0]), np.array([3.0, 3.5]))

A selection that is harder than rows at random, and no harder than rows as long as its own, has only
chosen by length.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from workbench.selection.policies import Pool, match_lengths, random_order, uniforms

RANDOM, MATCHED = "random", "same lengths"
# Standard errors that two means must lie apart to count as different.
CLEAR = 2.0


def control_draws(
    chosen: Int[np.ndarray, " chosen"],
    n_tokens: Int[np.ndarray, " sample"],
    row_ids: Sequence[str],
    *,
    seed: int = 0,
) -> dict[str, Int[np.ndarray, " drawn"]]:
    """Places of as many rows as were `chosen`: drawn from all, and from rows of like length."""
    # Not the numbers that the selection itself was drawn with: the draws would share its rows.
    numbers = uniforms(row_ids, seed + 1)
    pool = Pool(np.zeros(len(n_tokens)), n_tokens.astype(np.int64), numbers)
    return {
        RANDOM: random_order(pool)[: len(chosen)],
        MATCHED: match_lengths(chosen.astype(np.int64), pool),
    }


class Gap(NamedTuple):
    """How much higher one mean is than another, in all and in standard errors."""

    size: float
    errors: float


def gap_of(own: Float[np.ndarray, " own"], other: Float[np.ndarray, " other"]) -> Gap:
    """The difference of two means (Welch); NaN where one has fewer than two known values."""
    own, other = (values[np.isfinite(values)] for values in (own, other))
    if min(len(own), len(other)) < 2:
        return Gap(math.nan, math.nan)
    size = float(own.mean() - other.mean())
    error = math.sqrt(own.var(ddof=1) / len(own) + other.var(ddof=1) / len(other))
    if error == 0:
        return Gap(size, math.copysign(math.inf, size) if size else 0.0)
    return Gap(size, size / error)


def verdict(
    own: Float[np.ndarray, " own"],
    random: Float[np.ndarray, " drawn"],
    matched: Float[np.ndarray, " drawn"],
) -> str:
    """Whether a label is higher in the selection than by chance, and than its lengths explain."""
    by_chance, by_length = gap_of(own, random).errors, gap_of(own, matched).errors
    if not math.isfinite(by_chance + by_length) and math.isnan(by_chance + by_length):
        return "too few to say"
    if abs(by_length) >= CLEAR:
        way = "higher" if by_length > 0 else "lower"
        return f"{way} at equal length too"
    if abs(by_chance) >= CLEAR:
        way = "higher" if by_chance > 0 else "lower"
        return f"{way} by length alone"
    return "as at random"
