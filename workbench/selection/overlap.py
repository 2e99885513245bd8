"""Two selections from one pool held against each other.

overlap = overlap_of(chosen_ids, other_ids, pool)
overlap.shared, overlap.by_chance
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import pandas as pd


class Overlap(NamedTuple):
    """Share of the first selection's rows that the other has too, and what chance would give.

    `median_score` and `mean_tokens` are of the other's rows in the pool, NaN where it has none.
    """

    shared: float
    by_chance: float
    median_score: float
    mean_tokens: float


def overlap_of(own: Collection[str], other: Collection[str], pool: pd.DataFrame) -> Overlap:
    """Hold the rows `own` against the rows `other`, both of `pool` (row_id, score, n_tokens)."""
    others = frozenset(other)
    n_shared = len(others.intersection(own))
    inside = np.array([row_id in others for row_id in pool["row_id"].tolist()], dtype=bool)
    scores, tokens = (pool[name].to_numpy(float)[inside] for name in ("score", "n_tokens"))
    return Overlap(
        shared=n_shared / max(1, len(own)),
        by_chance=len(scores) / max(1, len(pool)),
        median_score=float(np.median(scores)) if len(scores) else math.nan,
        mean_tokens=float(tokens.mean()) if len(tokens) else math.nan,
    )
