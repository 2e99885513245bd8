"""Half-way gradients: a first-order estimate of every head's delta, a layer at a time.

    for batch in iter_screen(engine, rendered, batches=batches):
        batch.deltas  # estimates; they nominate heads, they decide nothing

With z the outputs of a layer's heads and z~ what they were if uniform (the running mean of their
values), `Delta_h ~ sum_t (z~_t - z_t) . dL/dz_t`, the gradient taken with all heads of the layer
moved to `z + 0.5 (z~ - z)`: large effects are not first-order at z itself (docs/methods.md, Faster
importance). One forward and one backward pass a layer, from the replayed prefix.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from workbench.ablation.importance import ImportanceBatch, heads_by_layer, together
from workbench.engines import Engine, batch_of, loss_gradient, sample_means
from workbench.models import BlockInputs, Model, Rendered, running_mean
from workbench.types import Head, Progress, no_progress

HALF_WAY = 0.5


def iter_screen(
    engine: Engine,
    rendered: Sequence[Rendered],
    *,
    batches: Sequence[Sequence[int]],
    part: str = "completion",
    heads: Iterable[Head] | None = None,
    way: float = HALF_WAY,
    on_progress: Progress = no_progress,
) -> Iterator[ImportanceBatch]:
    """Estimated deltas of every head on every sample, as `iter_importance` gives exact ones.

    `way` is the share of z~ - z at which the gradient is taken.
    """
    model, layers = engine.model, heads_by_layer(engine.model, heads)
    lengths, n_total = [len(r.ids) for r in rendered], len(batches) * len(layers)

    def work(piece: list[int], n_before: int) -> ImportanceBatch:
        chosen = [rendered[i] for i in piece]
        ids, counted = batch_of(model, chosen, part)
        inputs = engine.capture(ids, layers)
        base = sample_means(engine.outcomes(inputs.final, ids, counted).losses, counted)
        deltas = np.full((len(piece), model.n_layers, model.n_heads), np.nan)
        for n_done, (layer, of_layer) in enumerate(layers.items(), start=n_before + 1):
            estimates = _layer_estimates(engine, inputs, (ids, counted), layer=layer, way=way)
            deltas[:, layer, of_layer] = estimates.cpu().numpy()[:, of_layer]
            on_progress(n_done, n_total, f"gradients at layer {layer} of {len(piece)} samples")
        return ImportanceBatch(tuple(piece), base.cpu().numpy(), deltas)

    for number, batch in enumerate(batches):
        measure = partial(work, n_before=number * len(layers))
        yield together([piece for _, piece in engine.memory.pieces(batch, lengths, measure)])


def _layer_estimates(
    engine: Engine,
    inputs: BlockInputs,
    tokens: tuple[Tensor, Tensor],
    *,
    layer: int,
    way: float,
) -> Float64[Tensor, "sample head"]:
    moved = _Moved(engine.model, layer, way)
    final = engine.replay_moved(inputs, layer=layer, move=moved)
    n_vocab = engine.model.hooked.cfg.d_vocab
    gradient = loss_gradient(engine.logits, final.detach(), *tokens, n_vocab=n_vocab)
    (by_output,) = torch.autograd.grad(final, moved.output, gradient)
    return (moved.split(by_output) * moved.difference).double().sum(dim=(1, 3))


class _Moved:
    """The heads of one layer on their way to uniform; keeps what the estimate is made of."""

    def __init__(self, model: Model, layer: int, way: float) -> None:
        self.model, self.layer, self.way = model, layer, way
        self.output = self.difference = torch.empty(0)

    def __call__(self, values: Tensor, output: Tensor) -> Tensor:
        by_group, z = self.split(values.detach()), self.split(output.detach())
        shared = by_group.repeat_interleave(self.model.n_heads // by_group.shape[2], dim=2)
        self.difference = running_mean(shared, window=self.model.windows[self.layer]) - z
        self.output = (z + self.way * self.difference).reshape(output.shape).requires_grad_()
        return self.output

    def split(self, flat: Tensor) -> Float[Tensor, "batch pos head d_head"]:
        """By heads, also where the model has them on one axis."""
        return flat.reshape(*flat.shape[:2], -1, self.model.d_head)
