"""Two scores of the same rows: do they order them alike, and which rows change side?

compared = compare_scores(frame, frame, fraction=0.1)
compared.overlap, compared.rows[compared.rows["side"] == "first only"]
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float64

from workbench.errors import InputError
from workbench.scoring.correlation import spearman

BOTH, FIRST, SECOND, NEITHER = "both", "first only", "second only", "neither"


class ComparedScores(NamedTuple):
    """The rows that both have scored, and how far the two agree on them.

    `rows` has `row_id`, `first` and `second` (the percentile of each score, 1 the highest), `side`
    (in the top of both, of one, of neither) and the further columns of the first table. `overlap`
    is the share of one top that is in the other; chance alone gives `by_chance`.
    """

    rows: pd.DataFrame
    rank_correlation: float | None
    overlap: float
    by_chance: float


def compare_scores(first: pd.DataFrame, second: pd.DataFrame, *, fraction: float) -> ComparedScores:
    """Hold two tables of `row_id` and `score` against each other; the top is `fraction` of them.

    Where both have `row_sha256` as well, rows of one id with other content are not one row.
    """
    same = [name for name in ("row_id", "row_sha256") if name in first and name in second]
    theirs: pd.DataFrame = second.loc[:, [*same, "score"]]
    theirs = theirs.drop_duplicates(same)
    rows = first.drop_duplicates(same).merge(theirs, on=same, suffixes=("", "_second"))
    are_known = np.isfinite(rows[["score", "score_second"]].to_numpy(float)).all(axis=1)
    rows: pd.DataFrame = rows.loc[are_known]
    if not len(rows):
        raise InputError(
            "the two runs have scored no row in common", expected="scores of the same rows"
        )
    n_top = max(1, round(fraction * len(rows)))
    a, b = (rows[name].to_numpy(float) for name in ("score", "score_second"))
    in_a, in_b = _top(a, n_top), _top(b, n_top)
    side = np.select([in_a & in_b, in_a, in_b], [BOTH, FIRST, SECOND], NEITHER)
    beside = rows.drop(columns=["score", "score_second", *same[1:]])
    frame = beside.assign(first=_percentiles(a), second=_percentiles(b), side=side)
    overlap = float((in_a & in_b).sum() / n_top)
    return ComparedScores(frame, spearman(a, b), overlap, n_top / len(rows))


def _top(scores: Float64[np.ndarray, " row"], n_top: int) -> np.ndarray:
    inside = np.zeros(len(scores), dtype=bool)
    inside[np.argsort(-scores, kind="stable")[:n_top]] = True
    return inside


def _percentiles(scores: Float64[np.ndarray, " row"]) -> Float64[np.ndarray, " row"]:
    return pd.Series(scores).rank(pct=True).to_numpy()
