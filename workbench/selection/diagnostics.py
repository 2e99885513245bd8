"""What a selection did to the data: mixes, lengths, scores and likeness to the top rows.

report = describe(pool_table, chosen_positions, p, statuses=scores["status"])
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float64, Int64

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


def describe(
    table: pd.DataFrame,
    rows: Int64[np.ndarray, " chosen"],
    p: Float64[np.ndarray, " sample"],
    *,
    statuses: Iterable[str],
) -> dict[str, Any]:
    """Plain, JSON-ready figures before (the pool) and after (its positions `rows`)."""
    lengths = table["n_tokens"].to_numpy(dtype=np.float64)
    scores = table["score"].to_numpy(dtype=np.float64)
    return {
        "n_pool": len(table),
        "n_selected": len(rows),
        "status_counts": dict(sorted(Counter(map(str, statuses)).items())),
        "tokens": {"before": int(lengths.sum()), "after": int(lengths[rows].sum())},
        "effective_sample_size": effective_sample_size(p),
        "score": {"before": spread_of(scores), "after": spread_of(scores[rows])},
        "length": {"before": spread_of(lengths), "after": spread_of(lengths[rows])},
        "sources": mix(table["source"].tolist(), rows),
        "groups": mix(table["group"].tolist(), rows),
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


def mix(names: Sequence[str], rows: Int64[np.ndarray, " chosen"]) -> list[dict[str, Any]]:
    """Rows and shares of each name before and after, by name."""
    before = Counter(names)
    after = Counter(names[row] for row in rows)
    return [
        {
            "name": name,
            "n_before": count,
            "share_before": count / len(names),
            "n_after": after[name],
            "share_after": after[name] / len(rows),
        }
        for name, count in sorted(before.items())
    ]


def top_overlap(
    values: Float64[np.ndarray, " sample"], rows: Int64[np.ndarray, " chosen"]
) -> dict[str, float]:
    """How much of the selection lies among as many top rows, and how much a random one would.

    `share` of the selected rows, `jaccard` of the two sets; `share_if_random` is n/N, and
    `jaccard_if_random` the Jaccard index at that share.
    """
    n_rows = len(rows)
    top = np.argsort(-values, kind="stable")[:n_rows]
    share = len(np.intersect1d(top, rows)) / n_rows
    expected = n_rows / len(values)
    return {
        "share": share,
        "jaccard": share / (2 - share),
        "share_if_random": expected,
        "jaccard_if_random": expected / (2 - expected),
    }
