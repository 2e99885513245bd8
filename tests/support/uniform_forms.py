"""Uniform heads in three ways, by the pattern, by the scores and by the values, on one batch.

uniform_difference(model, Reference(folder), "pattern", "left") < TOLERANCE
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from tests.support.eager_reference import HEADS, Reference, padding_masks, token_ids
from workbench.ablation import ablated_heads
from workbench.models import Model, hooks, outputs_hook, running_mean, values_hook


def by_pattern(model: Model, mask: torch.Tensor) -> Any:
    """Uniform by replacing `hook_pattern`."""
    padded_left = not bool(mask[:, 0].all())
    return ablated_heads(model, HEADS, real=mask.bool() if padded_left else None)


def by_scores(model: Model, mask: torch.Tensor) -> Any:
    """Uniform by scaling the scores before the softmax to nothing."""

    def shrink(heads: list[int]) -> Callable:
        def hook_function(scores: torch.Tensor, hook: Any) -> torch.Tensor:
            scores = scores.clone()
            for head in heads:
                visible = scores[:, head] > -1e9  # masked scores are far below any real one
                scores[:, head] = torch.where(visible, scores[:, head] * 1e-10, scores[:, head])
            return scores

        return hook_function

    name = "blocks.{}.attn.hook_attn_scores"
    return hooks(model, [(name.format(layer), shrink(heads)) for layer, heads in _by_layer()])


def by_values(model: Model, mask: torch.Tensor) -> Any:
    """Uniform by the running mean of the values, no pattern needed."""
    added: list[tuple[str, Callable]] = []
    for layer, heads in _by_layer():
        seen: dict[str, torch.Tensor] = {}

        def keep(values: torch.Tensor, hook: Any, seen: dict = seen) -> None:
            split = values.reshape(*mask.shape, -1, model.hooked.cfg.d_head)
            shared = model.n_heads // split.shape[2]
            seen["values"] = split.repeat_interleave(shared, dim=2)

        def replace(
            z: torch.Tensor, hook: Any, seen: dict = seen, heads: list = heads, layer: int = layer
        ) -> torch.Tensor:
            shape, z = z.shape, z.clone().reshape(*mask.shape, model.n_heads, -1)
            window = model.windows[layer]
            means = running_mean(seen["values"], window=window, real=mask.bool())
            z[:, :, heads] = means[:, :, heads]
            return z.reshape(shape)

        values, z = values_hook(model.hooked, layer), outputs_hook(model.hooked, layer)
        added += [(values, keep), (z, replace)]
    return hooks(model, added)


def _by_layer() -> list[tuple[int, list[int]]]:
    layers = sorted({layer for layer, _ in HEADS})
    return [(layer, [h.head for h in HEADS if h.layer == layer]) for layer in layers]


FORMS: dict[str, Callable[[Model, torch.Tensor], Any]] = {
    "pattern": by_pattern,
    "scores": by_scores,
    "values": by_values,
}


def uniform_difference(model: Model, reference: Reference, form: str, padding: str) -> float:
    """Largest difference of real tokens' logits with all HEADS uniform, from the reference."""
    ids, mask = token_ids(), padding_masks()[padding]
    expected = reference.logits(ids, HEADS, mask)
    # The workbench passes no mask for what is padded on the right: no real token looks there.
    masked = {"attention_mask": mask} if padding == "left" else {}
    with FORMS[form](model, mask), torch.no_grad():
        logits = model.hooked(ids, return_type="logits", **masked)
    return float((logits - expected)[mask.bool()].abs().max())
