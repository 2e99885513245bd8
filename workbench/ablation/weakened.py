"""The weakened reference: what a model predicts with and without some heads, token by token.

    losses = weakened_losses(model, circuit.heads, ids, counted)
    losses.weak - losses.base

AttentionInfluence (arXiv 2505.07293) and AIR (arXiv 2512.13279) score with the difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Bool, Float, Int
from torch import Tensor

from workbench.ablation.hooks import folded_set_hooks, uniform_hooks
from workbench.ablation.importance import FOLD_CPU, FOLD_GPU
from workbench.errors import InputError
from workbench.models import (
    Model,
    capture,
    final_residual,
    fused_weakened,
    hooks,
    replay,
    token_losses,
)
from workbench.types import Head


@dataclass(frozen=True)
class WeakenedLosses:
    """Next-token losses of the counted tokens in nats, zero elsewhere: clean and weakened."""

    base: Float[Tensor, "batch pos"]
    weak: Float[Tensor, "batch pos"]


def weakened_losses(
    model: Model,
    heads: Sequence[Head],
    ids: Int[Tensor, "batch pos"],
    counted: Bool[Tensor, "batch pos"],
    *,
    fold: int | None = None,
) -> WeakenedLosses:
    """Losses of the model and of the model with all `heads` uniform together.

    The blocks below the first of the heads run once for both. Above, both run as one batch of twice
    the rows while a layer's patterns stay within `fold` values (default: by device), which saves
    half the calls and keeps no block's input. Beyond that the clean pass keeps the block inputs and
    the weakened blocks are replayed from them: as many multiplications, at half the peak memory.
    The fused engine has no patterns to hold and always runs both as one batch.
    """
    if not heads:
        raise InputError("the weakened reference has no heads", do="pass a circuit with some")
    if model.fused is not None:
        return WeakenedLosses(*fused_weakened(model, heads, ids, counted))
    fold = fold or (FOLD_CPU if model.device.type == "cpu" else FOLD_GPU)
    first, (n_batch, n_pos) = min(head.layer for head in heads), ids.shape
    if 2 * n_batch * model.n_heads * n_pos**2 <= fold:
        with hooks(model, folded_set_hooks(model, [(), heads])):
            final = final_residual(model, ids, fork_at=first, copies=2)
        losses = token_losses(model, final, ids.repeat(2, 1), counted.repeat(2, 1))
        return WeakenedLosses(losses[:n_batch], losses[n_batch:])
    inputs = capture(model, ids)
    base = token_losses(model, inputs.final, ids, counted)
    with hooks(model, uniform_hooks(model, heads)):
        weak = replay(model, inputs, from_layer=first)
    return WeakenedLosses(base, token_losses(model, weak, ids, counted))
