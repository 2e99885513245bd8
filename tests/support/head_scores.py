"""Heads with known numbers, for what is drawn of them, and for stages that begin with a circuit."""

from __future__ import annotations

import json
from pathlib import Path

from workbench.circuits import heads_to_json
from workbench.types import HeadScore, HeadScores, ModelInfo

DELTAS = {(0, 0): 0.1, (0, 1): 0.9, (1, 0): -0.2, (1, 1): 0.5, (2, 0): 0.0, (2, 1): 0.3}


def six_heads() -> HeadScores:
    """Three layers of two heads, the two costliest as circuit."""
    order = sorted(DELTAS, key=lambda place: -DELTAS[place])
    rows = tuple(
        HeadScore(
            layer=layer,
            head=head,
            delta=delta,
            ci_low=delta - 0.05,
            ci_high=delta + 0.1,
            rank=order.index((layer, head)) + 1,
            selected=order.index((layer, head)) < 2,
            stability=0.75,
        )
        for (layer, head), delta in DELTAS.items()
    )
    return HeadScores(ModelInfo("m", None, "", 3, 2), "exact", {}, 1.0, 8, rows)


def many_heads(n_layers: int, n_heads: int) -> HeadScores:
    """Ranked from the first head to the last, which costs nothing; the first tenth as circuit."""
    n_all = n_layers * n_heads
    rows = tuple(
        HeadScore(
            *divmod(place, n_heads),
            delta=1 - (place + 1) / n_all,
            ci_low=0.0,
            ci_high=1.0,
            rank=place + 1,
            selected=place < max(1, n_all // 10),
        )
        for place in range(n_all)
    )
    return HeadScores(ModelInfo("m", None, "", n_layers, n_heads), "exact", {}, 1.0, 8, rows)


def write_circuit(path: Path, model: ModelInfo, diagonal: int, *, method: str = "exact") -> Path:
    """A heads.json of heads that cost nothing; the circuit is one diagonal, its last head idle."""
    rows = tuple(
        HeadScore(
            *(layer, head, 0.0, 0.0, 0.0),
            rank=layer * model.n_heads + head + 1,
            selected=layer + head == diagonal,
            idle=head == 0 if layer + head == diagonal else None,
        )
        for layer in range(model.n_layers)
        for head in range(model.n_heads)
    )
    found = HeadScores(model, method, {}, base_loss=1.0, n_samples=1, heads=rows)
    path.write_text(json.dumps(heads_to_json(found)), encoding="utf-8")
    return path
