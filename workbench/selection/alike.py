"""The percentile of a score among the rows that are alike in several columns.

    found = among_alike(pool_table, ("length", "source"))
    found.percentiles, found.facts

Columns of numbers are compared by rank, within the rows that share every column of words; the rows
nearest in all of them are a row's neighbours (docs/methods.md, Selection).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float64, Int64
from scipy.spatial import KDTree

from workbench.errors import InputError
from workbench.scoring import n_neighbours

LENGTH, LOSS = "length", "loss"
LOSSES = ("loss", "loss_base", "loss_given_prompt", "naturalness")
"""Columns that go with the loss of a row, the first that the scores have."""
NO_PROPERTY = (
    *("row_id", "row_index", "score", "score_within_length"),
    *("status", "reason", "row_sha256"),
)
LEAST, CHUNK = 20, 50_000


class Alike(NamedTuple):
    """A number in [0, 1] a row, and which columns and strata it came from."""

    percentiles: Float64[np.ndarray, " row"]
    facts: dict[str, Any]


def among_alike(table: pd.DataFrame, names: Sequence[str]) -> Alike:
    """Share of the neighbours with a lower score, ties counting half; 0.5 for a row alone.

    `table` are the rows of a pool, `names` of its columns, `length` or `loss`. The result does not
    depend on the order of the rows. InputError for a column that is not there or has no value.
    """
    columns = [column_of(table, name) for name in names]
    order = np.argsort(table["row_id"].to_numpy(dtype=object), kind="stable")
    table = table.iloc[order]
    strata = _strata(table, columns)
    numbers = [name for name in columns if _is_number(table, name)]
    percentiles = np.empty(len(table))
    for places in strata:
        part = table.iloc[places]
        scores = part["score"].to_numpy(dtype=np.float64)
        points = [p for name in numbers if not np.isnan(p := _places(part[name])).any()]
        percentiles[order[places]] = _percentiles(scores, np.array(points).reshape(-1, len(part)).T)
    sizes = sorted(map(len, strata))
    facts = {"columns": columns, "n_strata": len(sizes), "smallest": sizes[0]}
    return Alike(percentiles, facts)


def column_of(table: pd.DataFrame, name: str) -> str:
    """The column that a name stands for."""
    wanted = {LENGTH: ("n_tokens",), LOSS: LOSSES}.get(name, (name,))
    for column in wanted:
        known = column in table and column not in NO_PROPERTY
        if known and bool(table[column].notna().to_numpy().any()):
            return column
    known = [LENGTH, LOSS, *(c for c in table if c not in (*NO_PROPERTY, "group", "n_tokens"))]
    do = "score with --with-loss" if name == LOSS else "pass another --adjust"
    raise InputError(
        f"the scores have no {name} for rows to be alike in",
        expected=f"one of {', '.join(known)}",
        do=do,
    )


def _is_number(table: pd.DataFrame, name: str) -> bool:
    return pd.api.types.is_numeric_dtype(table.dtypes[name])


def _strata(table: pd.DataFrame, columns: Sequence[str]) -> list[Int64[np.ndarray, " place"]]:
    """Rows that share every column of words, and which numbers they have."""
    keys = [
        table[name].notna() if _is_number(table, name) else table[name].fillna("").astype(str)
        for name in columns
    ]
    codes = pd.MultiIndex.from_arrays(keys).factorize()[0]
    by_code = np.argsort(codes, kind="stable")
    return np.split(by_code, np.cumsum(np.bincount(codes))[:-1])


def _places(values: pd.Series) -> Float64[np.ndarray, " row"]:
    """Ranks, ties averaged, as shares of their number; missing values stay NaN."""
    return values.rank().to_numpy(dtype=np.float64) / len(values)


def _n_alike(n_rows: int, n_columns: int) -> int:
    """Half as many for each further column: near in several, rows are soon far in one of them."""
    k = n_neighbours(n_rows)
    return min(k, max(LEAST, k >> (n_columns - 1)))


def _percentiles(
    scores: Float64[np.ndarray, " row"], points: Float64[np.ndarray, "row column"]
) -> Float64[np.ndarray, " row"]:
    """Within one stratum: among the nearest, or all others where there is nothing to be near in."""
    n, n_columns = points.shape
    k = _n_alike(n, n_columns) if n_columns else n - 1
    if k == 0:
        return np.full(n, 0.5)
    if k == n - 1:
        return (pd.Series(scores).rank().to_numpy() - 1) / k
    tree, found = KDTree(points), np.empty(n)
    for start in range(0, n, CHUNK):
        rows = np.arange(start, min(start + CHUNK, n))
        nearest = np.asarray(tree.query(points[rows], k + 1)[1])
        is_own = nearest == rows[:, None]
        # A row with more than k doubles may not be found among its own neighbours.
        is_own[~is_own.any(axis=1), -1] = True
        others, own = scores[nearest[~is_own].reshape(len(rows), k)], scores[rows, None]
        found[rows] = ((others < own).sum(1) + 0.5 * (others == own).sum(1)) / k
    return found
