"""The loss of samples: which tokens count, and their mean cross-entropy.

losses = sample_losses(engine, rendered, batches=batches, part="completion")
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int
from torch import Tensor

from workbench.engines.base import Engine
from workbench.engines.outcomes import sample_means
from workbench.models import Model, Rendered, padded
from workbench.types import Progress, no_progress


def counted_mask(rendered: Sequence[Rendered], part: str) -> Bool[Tensor, "sample pos"]:
    """Which target tokens count, as one right-padded mask; a first token is never a target."""
    width = max(len(r.ids) for r in rendered)
    mask = torch.zeros(len(rendered), width, dtype=torch.bool)
    for row, r in zip(mask, rendered, strict=True):
        row[: len(r.ids)] = torch.from_numpy(r.counted(part))
    mask[:, 0] = False
    return mask


def batch_of(
    model: Model, rendered: Sequence[Rendered], part: str
) -> tuple[Int[Tensor, "sample pos"], Bool[Tensor, "sample pos"]]:
    """Right-padded ids of some samples, and which target tokens count."""
    return padded([r.ids for r in rendered], model.pad_id), counted_mask(rendered, part)


def sample_losses(
    engine: Engine,
    rendered: Sequence[Rendered],
    *,
    batches: Sequence[Sequence[int]],
    part: str = "completion",
    on_progress: Progress = no_progress,
) -> Float64[np.ndarray, " sample"]:
    """Mean loss of each sample over `part`, in nats a token; edits that are set take effect."""
    losses, lengths = np.full(len(rendered), np.nan), [len(r.ids) for r in rendered]

    def work(batch: list[int]) -> Float64[np.ndarray, " sample"]:
        chosen = [rendered[i] for i in batch]
        ids, counted = batch_of(engine.model, chosen, part)
        return sample_means(engine.losses(ids, counted), counted).cpu().numpy()

    for n_done, batch in enumerate(batches):
        for piece, found in engine.memory.pieces(batch, lengths, work):
            losses[piece] = found
        on_progress(n_done + 1, len(batches), f"loss of {len(batch)} samples")
    return losses
