"""The weakened reference: what a model predicts with and without some heads, token by token.

    losses = weakened_losses(engine, circuit.heads, ids, counted)
    losses.weak - losses.base

AttentionInfluence (arXiv 2505.07293) and AIR (arXiv 2512.13279) score with the difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor

from workbench.engines import Engine
from workbench.errors import InputError
from workbench.types import Head


@dataclass(frozen=True)
class WeakenedLosses:
    """Next-token losses of the counted tokens in nats, zero elsewhere: clean and weakened."""

    base: Float[Tensor, "batch pos"]
    weak: Float[Tensor, "batch pos"]


def weakened_losses(
    engine: Engine,
    heads: Sequence[Head],
    ids: Int[Tensor, "batch pos"],
    counted: Bool[Tensor, "batch pos"],
) -> WeakenedLosses:
    """Losses of the model and of the model with all `heads` uniform together.

    The blocks below the first of the heads run once for both.
    """
    if not heads:
        raise InputError("the weakened reference has no heads", do="pass a circuit with some")
    (_, base), (_, weak) = engine.set_outcomes(ids, counted, [(), heads])
    return WeakenedLosses(base.losses, weak.losses)
