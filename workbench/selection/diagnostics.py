"""What a selection did to the data: mixes, lengths, scores and likeness to the top rows.

report = describe(pool_table, chosen_positions, p, statuses={"ok": 9})
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float64, Int64

from workbench.selection.labels import coded

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


def describe(
    table: pd.DataFrame,
    rows: Int64[np.ndarray, " chosen"],
    p: Float64[np.ndarray, " sample"],
    *,
    statuses: Mapping[str, int],
) -> dict[str, Any]:
    """Plain, JSON-ready figures before (the pool) and after (its positions `rows`)."""
    lengths = table["n_tokens"].to_numpy(dtype=np.float64)
    scores = table["score"].to_numpy(dtype=np.float64)
    return {
        "n_pool": len(table),
        "n_selected": len(rows),
        "status_counts": dict(statuses),
        "tokens": {"before": int(lengths.sum()), "after": int(lengths[rows].sum())},
        "effective_sample_size": effective_sample_size(p),
        "score": {"before": spread_of(scores), "after": spread_of(scores[rows])},
        "length": {"before": spread_of(lengths), "after": spread_of(lengths[rows])},
        "sources": mix(pd.Series(table["source"]), rows),
        "groups": mix(pd.Series(table["group"]), rows),
        "top_overlap": top_overlap(table["value"].to_numpy(dtype=np.float64), rows),
    }


def effective_sample_size(weights: Float64[np.ndarray, " sample"]) -> float:
    """(sum w)^2 / sum w^2: the number of equally likely rows that would be as spread out."""
    return float(weights.sum() ** 2 / (weights**2).sum())


def spread_of(numbers: Float64[np.ndarray, " row"]) -> dict[str, float]:
    """Mean and quantiles, keyed q00 to q100."""
    quantiles = np.quantile(numbers, QUANTILES)
    named = {f"q{round(q * 100):02d}": float(x) for q, x in zip(QUANTILES, quantiles, strict=True)}
    return {"mean": float(numbers.mean()), **named}


def mix(
    names: Sequence[str] | pd.Series, rows: Int64[np.ndarray, " chosen"]
) -> list[dict[str, Any]]:
    """Rows and shares of each name before and after, by name."""
    kinds, codes = coded(names)
    before, after = (np.bincount(part, minlength=len(kinds)) for part in (codes, codes[rows]))
    return [
        {
            "name": name,
            "n_before": n_before,
            "share_before": n_before / len(codes),
            "n_after": n_after,
            "share_after": n_after / len(rows),
        }
        for name, n_before, n_after in zip(kinds, before.tolist(), after.tolist(), strict=True)
    ]


def top_overlap(
    values: Float64[np.ndarray, " sample"], rows: Int64[np.ndarray, " chosen"]
) -> dict[str, float]:
    """How much of the selection lies among as many top rows, and how much a random one would.

    `share` of the selected rows, `jaccard` of the two sets; `share_if_random` is n/N, and
    `jaccard_if_random` the Jaccard index at that share.
    """
    n_rows = len(rows)
    share = int(_is_top(values, n_rows)[rows].sum()) / n_rows
    expected = n_rows / len(values)
    return {
        "share": share,
        "jaccard": share / (2 - share),
        "share_if_random": expected,
        "jaccard_if_random": expected / (2 - expected),
    }


def _is_top(values: Float64[np.ndarray, " sample"], n_rows: int) -> Bool[np.ndarray, " sample"]:
    """Whether a row is among those of the largest values, of equal ones the first."""
    least = np.partition(values, len(values) - n_rows)[len(values) - n_rows]
    is_top = values > least
    is_top[np.flatnonzero(values == least)[: n_rows - int(is_top.sum())]] = True
    return is_top
