"""The loss of samples: which tokens count, and their mean cross-entropy.

losses = sample_losses(model, rendered, batches=batches, part="completion")
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float64
from torch import Tensor

from workbench.models.forward import final_residual, padded, sample_means, token_losses
from workbench.models.fused import fused_losses
from workbench.models.model import Model
from workbench.models.render import Rendered
from workbench.types import Progress, no_progress


def counted_mask(rendered: Sequence[Rendered], part: str) -> Bool[Tensor, "sample pos"]:
    """Which target tokens count, as one right-padded mask; a first token is never a target."""
    width = max(len(r.ids) for r in rendered)
    mask = torch.zeros(len(rendered), width, dtype=torch.bool)
    for row, r in zip(mask, rendered, strict=True):
        row[: len(r.ids)] = torch.from_numpy(r.counted(part))
    mask[:, 0] = False
    return mask


def sample_losses(
    model: Model,
    rendered: Sequence[Rendered],
    *,
    batches: Sequence[Sequence[int]],
    part: str = "completion",
    on_progress: Progress = no_progress,
) -> Float64[np.ndarray, " sample"]:
    """Mean loss of each sample over `part`, in nats a token.

    Hooks that are set take effect, unless the model has been put on the fused engine.
    """
    losses, lengths = np.full(len(rendered), np.nan), [len(r.ids) for r in rendered]

    def work(batch: list[int]) -> Float64[np.ndarray, " sample"]:
        chosen = [rendered[i] for i in batch]
        ids, counted = padded([r.ids for r in chosen], model.pad_id), counted_mask(chosen, part)
        if model.fused is not None:
            tokens = fused_losses(model, ids, counted)
        else:
            tokens = token_losses(model, final_residual(model, ids), ids, counted)
        return sample_means(tokens, counted).cpu().numpy()

    for n_done, batch in enumerate(batches):
        for piece, found in model.memory.pieces(batch, lengths, work):
            losses[piece] = found
        on_progress(n_done + 1, len(batches), f"loss of {len(batch)} samples")
    return losses
