"""What sets of heads are worth: loss and exactness with each whole set uniform together.

The layers below the lowest ablated head run once for all sets of a batch.

    effects = set_effects(model, rendered, sets, batches=batches)
    effects.loss.mean(axis=1)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

from workbench.ablation.hooks import check_heads, uniform_hooks
from workbench.models import (
    Model,
    Rendered,
    capture,
    counted_mask,
    hooks,
    padded,
    replay,
    sample_means,
    token_outcomes,
)
from workbench.types import Head, Progress, no_progress


@dataclass(frozen=True)
class SetEffects:
    """One row a set: mean loss of each sample (nats a token), and whether it was exactly right.

    `exact` is True when the most likely token is the given one at every counted position, so that
    greedy decoding reproduces the given solution word for word.
    """

    loss: Float64[np.ndarray, "set sample"]
    exact: Bool[np.ndarray, "set sample"]


def set_effects(
    model: Model,
    rendered: Sequence[Rendered],
    sets: Sequence[Sequence[Head]],
    *,
    batches: Sequence[Sequence[int]],
    part: str = "completion",
    on_progress: Progress = no_progress,
) -> SetEffects:
    """Make each of `sets` uniform together, in turn; an empty set is the clean model."""
    for heads in sets:
        check_heads(model, heads)
    loss = np.empty((len(sets), len(rendered)))
    exact = np.empty((len(sets), len(rendered)), dtype=bool)
    lengths = [len(r.ids) for r in rendered]

    def work(batch: list[int]) -> None:
        chosen = [rendered[i] for i in batch]
        ids, counted = padded([r.ids for r in chosen], model.pad_id), counted_mask(chosen, part)
        inputs = capture(model, ids)
        for row, heads in enumerate(sets):
            final = inputs.final
            if heads:
                with hooks(model, uniform_hooks(model, heads)):
                    final = replay(model, inputs, from_layer=min(h.layer for h in heads))
            losses, right = token_outcomes(model, final, ids, counted)
            loss[row, batch] = sample_means(losses, counted).cpu().numpy()
            exact[row, batch] = right.all(dim=1).cpu().numpy()

    for n_done, batch in enumerate(batches):
        model.memory.pieces(batch, lengths, work)
        on_progress(n_done + 1, len(batches), f"{len(sets)} sets on {len(batch)} samples")
    return SetEffects(loss, exact)
