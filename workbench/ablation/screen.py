"""Half-way gradients: a first-order estimate of every head's delta, a layer at a time.

    for batch in iter_screen(model, rendered, batches=batches):
        batch.deltas  # estimates; they nominate heads, they decide nothing

With z the outputs of a layer's heads and z~ what they were if uniform (the running mean of their
values), `Delta_h ~ sum_t (z~_t - z_t) . dL/dz_t`, the gradient taken with all heads of the layer
moved to `z + 0.5 (z~ - z)`: large effects are not first-order at z itself (docs/methods.md, Faster
importance). One forward and one backward pass a layer, from the replayed prefix.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from workbench.ablation.importance import ImportanceBatch, heads_by_layer, together
from workbench.models import (
    BlockInputs,
    Model,
    Rendered,
    capture,
    counted_mask,
    hooks,
    loss_gradient,
    padded,
    replay,
    running_mean,
    sample_means,
    token_losses,
)
from workbench.types import Head, Progress, no_progress

HALF_WAY = 0.5


def iter_screen(
    model: Model,
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
    by_layer, lengths = heads_by_layer(model, heads), [len(r.ids) for r in rendered]

    def work(piece: list[int]) -> ImportanceBatch:
        chosen = [rendered[i] for i in piece]
        ids, counted = padded([r.ids for r in chosen], model.pad_id), counted_mask(chosen, part)
        inputs = capture(model, ids)
        base = sample_means(token_losses(model, inputs.final, ids, counted), counted)
        deltas = np.full((len(piece), model.n_layers, model.n_heads), np.nan)
        for layer, of_layer in by_layer.items():
            estimates = _layer_estimates(model, inputs, (ids, counted), layer=layer, way=way)
            deltas[:, layer, of_layer] = estimates.cpu().numpy()[:, of_layer]
        return ImportanceBatch(tuple(piece), base.cpu().numpy(), deltas)

    for n_done, batch in enumerate(batches):
        found = together([piece for _, piece in model.memory.pieces(batch, lengths, work)])
        on_progress(n_done + 1, len(batches), f"gradients of {len(batch)} samples")
        yield found


def _layer_estimates(
    model: Model, inputs: BlockInputs, tokens: tuple[Tensor, Tensor], *, layer: int, way: float
) -> Float64[Tensor, "sample head"]:
    moved = _Moved(model, layer, way)
    with hooks(model, moved.hooks()):
        final = replay(model, inputs, from_layer=layer, grad=True)
    gradient = loss_gradient(model, final.detach(), *tokens)
    (by_output,) = torch.autograd.grad(final, moved.output, gradient)
    return (moved.split(by_output) * moved.difference).double().sum(dim=(1, 3))


class _Moved:
    """The heads of one layer on their way to uniform; keeps what the estimate is made of."""

    def __init__(self, model: Model, layer: int, way: float) -> None:
        self.model, self.layer, self.way = model, layer, way
        self.values = self.output = self.difference = torch.empty(0)

    def hooks(self) -> list:
        values, output = output_hooks(self.model, self.layer)
        return [(values, self._keep), (output, self._move)]

    def split(self, flat: Tensor) -> Float[Tensor, "batch pos head d_head"]:
        """By heads, also where the model has them on one axis."""
        return flat.reshape(*flat.shape[:2], -1, self.model.hooked.cfg.d_head)

    def _keep(self, values: Tensor, hook: Any) -> None:
        per_group = self.split(values.detach())
        self.values = per_group.repeat_interleave(self.model.n_heads // per_group.shape[2], dim=2)

    def _move(self, output: Tensor, hook: Any) -> Tensor:
        z = self.split(output.detach())
        self.difference = running_mean(self.values, window=self.model.windows[self.layer]) - z
        self.output = (z + self.way * self.difference).reshape(output.shape).requires_grad_()
        return self.output


def output_hooks(model: Model, layer: int) -> tuple[str, str]:
    """Names of the hooks on a layer's values and on its heads' outputs."""
    on_bridge = f"blocks.{layer}.attn.v.hook_out", f"blocks.{layer}.attn.o.hook_in"
    if on_bridge[0] in model.hooked.hook_dict:
        return on_bridge
    return f"blocks.{layer}.attn.hook_v", f"blocks.{layer}.attn.hook_z"
