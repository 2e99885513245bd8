"""What sets of heads are worth: loss and exactness with each whole set ablated together.

The layers below the lowest ablated head run once for all sets of a batch.

    effects = set_effects(engine, rendered, sets, batches=batches)
    effects.loss.mean(axis=1)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

from workbench.ablation.hooks import check_heads
from workbench.ablation.reference import BY_UNIFORM, Ablation
from workbench.engines import Engine, batch_of, sample_means
from workbench.models import Rendered
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
    engine: Engine,
    rendered: Sequence[Rendered],
    sets: Sequence[Sequence[Head]],
    *,
    batches: Sequence[Sequence[int]],
    part: str = "completion",
    ablation: Ablation = BY_UNIFORM,
    on_progress: Progress = no_progress,
) -> SetEffects:
    """Ablate each of `sets` together, in turn; an empty set is the clean model."""
    for heads in sets:
        check_heads(engine.model, heads)
    loss = np.empty((len(sets), len(rendered)))
    exact = np.empty((len(sets), len(rendered)), dtype=bool)
    lengths = [len(r.ids) for r in rendered]
    layers = sorted({head.layer for heads in sets for head in heads})

    def work(batch: list[int]) -> None:
        chosen = [rendered[i] for i in batch]
        ids, counted = batch_of(engine.model, chosen, part)
        donors = ablation.donors([r.ids for r in chosen], layers)
        for numbers, found in engine.set_outcomes(
            ids, counted, sets, kind=ablation.kind, donors=donors
        ):
            shape = (len(numbers), len(batch))
            places = np.ix_(numbers, batch)
            means = sample_means(found.losses, counted.repeat(len(numbers), 1))
            loss[places] = means.cpu().numpy().reshape(shape)
            exact[places] = found.hits.all(dim=1).cpu().numpy().reshape(shape)

    for n_done, batch in enumerate(batches):
        engine.memory.pieces(batch, lengths, work)
        on_progress(n_done + 1, len(batches), f"{len(sets)} sets on {len(batch)} samples")
    return SetEffects(loss, exact)
