"""Two head rankings side by side: do they choose the same heads, and order all heads alike?

compare_heads(a, b)["overlap"]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from workbench.circuits.heads import circuit_of
from workbench.errors import InputError
from workbench.types import Head, HeadScores


def compare_heads(a: HeadScores, b: HeadScores) -> dict[str, Any]:
    """Shared heads of the two circuits, their Jaccard overlap, and Spearman over all heads."""
    if (a.model.n_layers, a.model.n_heads) != (b.model.n_layers, b.model.n_heads):
        raise InputError(
            f"the head maps have {a.model.n_layers} x {a.model.n_heads} "
            f"and {b.model.n_layers} x {b.model.n_heads} heads",
            expected="two results on models of one shape",
        )
    of_a, of_b = set(circuit_of(a).heads), set(circuit_of(b).heads)
    ranks = [
        np.array([h.rank for h in sorted(x.heads, key=lambda h: (h.layer, h.head))]) for x in (a, b)
    ]
    return {
        "shared": sorted(f"{h.layer}.{h.head}" for h in of_a & of_b),
        "only_a": sorted(f"{h.layer}.{h.head}" for h in of_a - of_b),
        "only_b": sorted(f"{h.layer}.{h.head}" for h in of_b - of_a),
        "overlap": len(of_a & of_b) / len(of_a | of_b),
        "rank_correlation": float(np.corrcoef(ranks)[0, 1]),
        "kinds": [f"{x.method}, {x.ablation}" for x in (a, b)],
        "heads": _side_by_side(a, b, of_a | of_b),
    }


def _side_by_side(a: HeadScores, b: HeadScores, either: set[Head]) -> list[dict[str, Any]]:
    """What each head of either circuit is worth in both runs, the costliest of the first first."""
    of_a, of_b = ({Head(h.layer, h.head): h for h in x.heads} for x in (a, b))
    return [
        {
            "head": f"{head.layer}.{head.head}",
            "values": [of_a[head].delta, of_b[head].delta],
            "ranks": [of_a[head].rank, of_b[head].rank],
            "idle": bool(of_a[head].idle or of_b[head].idle),
        }
        for head in sorted(either, key=lambda head: of_a[head].rank)
    ]
