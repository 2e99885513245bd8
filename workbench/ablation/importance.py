"""What does each head matter? The loss increase when it alone is ablated.

Exact, with two savings: nothing below the ablated layer is run again, and heads of one layer share
a batch. The plain loop, one hooked pass a head, is the tests' reference.

    for batch in iter_importance(engine, rendered, batches=batches, part="completion"):
        batch.base_loss, batch.deltas
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from workbench.ablation.hooks import check_heads
from workbench.ablation.reference import BY_UNIFORM, Ablation
from workbench.engines import Engine, batch_of, sample_means
from workbench.models import Model, Rendered, by_layer
from workbench.types import Head, Progress, no_progress


@dataclass(frozen=True)
class ImportanceBatch:
    """Losses of some samples in nats a token: clean, and the increase with each head ablated.

    Deltas of heads that were not asked for are NaN.
    """

    indices: tuple[int, ...]
    base_loss: Float64[np.ndarray, " sample"]
    deltas: Float64[np.ndarray, "sample layer head"]


def iter_importance(
    engine: Engine,
    rendered: Sequence[Rendered],
    *,
    batches: Sequence[Sequence[int]],
    part: str = "completion",
    heads: Iterable[Head] | None = None,
    ablation: Ablation = BY_UNIFORM,
    on_progress: Progress = no_progress,
) -> Iterator[ImportanceBatch]:
    """Deltas of every head on every sample, batch by batch (CircuitSeer, arXiv 2510.18470, 3.1).

    `batches` are indices into `rendered` of samples of similar length; `part` says which tokens
    count for the loss; `heads` leaves the others out; `ablation` is uniform attention unless given.
    Every sample must have at least one counted token after its first.
    """
    layers, lengths = heads_by_layer(engine.model, heads), [len(r.ids) for r in rendered]
    n_total = len(batches) * len(layers)
    for number, batch in enumerate(batches):

        def tell(n_layers: int, n_samples: int, before: int = number * len(layers)) -> None:
            text = f"layer {list(layers)[n_layers - 1]} of a batch of {n_samples} samples"
            on_progress(before + n_layers, n_total, text)

        def work(piece: list[int], tell: Callable[[int, int], None] = tell) -> ImportanceBatch:
            chosen = [rendered[i] for i in piece]
            base, deltas = _measured(engine, chosen, part, layers, ablation, tell)
            return ImportanceBatch(tuple(piece), base, deltas)

        yield together([found for _, found in engine.memory.pieces(batch, lengths, work)])


def _measured(
    engine: Engine,
    chosen: Sequence[Rendered],
    part: str,
    layers: Mapping[int, list[int]],
    ablation: Ablation,
    tell: Callable[[int, int], None],
) -> tuple[Float64[np.ndarray, " sample"], Float64[np.ndarray, "sample layer head"]]:
    """Base losses and deltas of samples that are run as one batch."""
    model, n_batch = engine.model, len(chosen)
    ids, counted = batch_of(model, chosen, part)
    alone = [Head(layer, head) for layer, of_layer in layers.items() for head in of_layer]
    base, done = np.zeros(n_batch), 0
    deltas = np.full((n_batch, model.n_layers, model.n_heads), np.nan)
    donors = ablation.donors([r.ids for r in chosen], list(layers))
    found = engine.set_outcomes(
        ids, counted, [(), *((head,) for head in alone)], kind=ablation.kind, donors=donors
    )
    for numbers, outcomes in found:
        losses = sample_means(outcomes.losses, counted.repeat(len(numbers), 1)).cpu().numpy()
        if numbers == [0]:
            base = losses
            continue
        for number, of_head in zip(numbers, losses.reshape(len(numbers), n_batch), strict=True):
            layer, head = alone[number - 1]
            deltas[:, layer, head] = of_head - base
            if head == layers[layer][-1]:
                done += 1
                tell(done, n_batch)
    return base, deltas


def together(pieces: Sequence[ImportanceBatch]) -> ImportanceBatch:
    """The pieces of a batch as one."""
    return ImportanceBatch(
        tuple(index for piece in pieces for index in piece.indices),
        np.concatenate([piece.base_loss for piece in pieces]),
        np.concatenate([piece.deltas for piece in pieces]),
    )


def heads_by_layer(model: Model, heads: Iterable[Head] | None = None) -> dict[int, list[int]]:
    """The heads of each layer that has any, lowest first; None stands for all of the model."""
    if heads is None:
        return {layer: list(range(model.n_heads)) for layer in range(model.n_layers)}
    heads = tuple(heads)
    check_heads(model, heads)
    return by_layer(heads)
