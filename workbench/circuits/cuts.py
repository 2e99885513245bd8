"""Another circuit from the same ranking: more or fewer of its first heads.

recut(heads, 5, importance=importance).heads[0].selected
"""

from __future__ import annotations

import dataclasses

from workbench.circuits.contrast import Importance
from workbench.circuits.heads import rank_heads
from workbench.types import Head, HeadScores


def recut(
    heads: HeadScores,
    n_top: int,
    *,
    importance: Importance | None = None,
    control: Importance | None = None,
    contributions: Importance | None = None,
) -> HeadScores:
    """The same ranking with its `n_top` first heads selected.

    With the per-sample `importance` behind the ranking (and that on the control probe, or under
    mean ablation where it ranks) stability becomes that of the new circuit; without, each head
    keeps the one it has.
    """
    stability: dict[Head, float] = {}
    if heads.ablation == "mean":
        contributions = importance
    is_known = contributions is not None or heads.rank_by not in ("contribution", "both")
    if importance is not None and is_known:
        ranked = rank_heads(
            importance,
            heads.model,
            fraction=n_top / len(heads.heads),
            min_heads=n_top,
            control=control,
            contributions=contributions,
            rank_by=heads.rank_by,
        )
        stability = {Head(h.layer, h.head): h.stability for h in ranked.heads}
    cut = tuple(
        dataclasses.replace(
            h,
            selected=h.rank <= n_top,
            stability=stability.get(Head(h.layer, h.head), h.stability),
        )
        for h in heads.heads
    )
    return dataclasses.replace(heads, heads=cut)
