"""The loss of step-weighted tuning, as pure maths.

loss = weighted_loss(logits, labels, weights, n_targets=n)
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

IGNORED = -100


def weighted_loss(
    logits: Float[Tensor, "batch pos vocab"],
    labels: Int[Tensor, "batch pos"],
    weights: Float[Tensor, "batch pos"],
    *,
    n_targets: Tensor | int | None = None,
) -> Float[Tensor, ""]:
    """`sum_t w_t * loss_t / n_targets` over the targets, in float32 (docs/methods.md, Tuning).

    `labels` are the token ids, -100 where a token is no target; `weights[:, t]` weighs the loss of
    predicting token t. `n_targets` is the number of targets (not the sum of weights) in the whole
    step when it is accumulated over several batches, else that of this batch. With weights of 1 it
    is the mean loss a token; with mean weight 1 in every row each row keeps its share.
    """
    is_target = labels[:, 1:] != IGNORED
    targets = labels[:, 1:][is_target]
    losses = torch.nn.functional.cross_entropy(
        logits[:, :-1][is_target].float(), targets, reduction="none"
    )
    n = is_target.sum() if n_targets is None else torch.as_tensor(n_targets, device=losses.device)
    return (losses * weights[:, 1:][is_target]).sum() / n.clamp(min=1)
