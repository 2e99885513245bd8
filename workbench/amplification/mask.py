"""A mask over the parts of a model: what it is asked with, what it does in a pass, what comes out.

Constructive Circuit Amplification (arXiv 2512.16914): one value in [0, 1] a query head, key head,
value head and neuron, applied at the last prefix token as 2m times the component's output.

    hooks_at = mask_hooks(model_shape(model), values)      # what a mask does; see `learning`
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from workbench.amplification.components import KINDS, Components, ModelShape
from workbench.amplification.lastpass import Hooks
from workbench.models import Model

HOOKS = {
    "query": "blocks.{}.attn.hook_q",
    "key": "blocks.{}.attn.hook_k",
    "value": "blocks.{}.attn.hook_v",
    "neuron": "blocks.{}.mlp.hook_post",
}
Values = dict[str, Tensor]
"""One tensor `[layer, component]` a kind."""
NORMALISED = ("q_norm", "k_norm", "q_layernorm", "k_layernorm")


@dataclass(frozen=True)
class Example:
    """A prefix with the token it should go on with and the one it should not."""

    prefix: tuple[int, ...]
    desired: int
    undesired: int


@dataclass(frozen=True)
class FoundMask:
    """The mask before and after rounding, its course by epoch, and why it ended.

    `before` is the mean logit difference of the unchanged model.
    """

    shape: ModelShape
    values: dict[str, Float[np.ndarray, "layer component"]]
    kept: Components
    curve: list[dict[str, Any]]
    before: float
    stopped: str


def model_shape(model: Model) -> ModelShape:
    """How many components the hooked model has."""
    cfg = model.hooked.cfg
    return ModelShape(
        n_layers=model.n_layers,
        n_heads=model.n_heads,
        n_key_value_heads=int(getattr(cfg, "n_key_value_heads", None) or model.n_heads),
        d_head=int(cfg.d_head),
        d_mlp=int(cfg.d_mlp),
    )


def has_normalised_queries(model: Model) -> bool:
    """Whether queries or keys are normalised after their projection, as in OLMo-2 and Qwen3."""
    wrapped = getattr(model.hooked, "original_model", model.hooked)
    return any(
        part in NORMALISED for name, _ in wrapped.named_parameters() for part in name.split(".")
    )


def mask_hooks(shape: ModelShape, values: Values) -> Hooks:
    """Hooks that multiply each component's output by twice its value where they are told to."""

    def hooks_at(at: Bool[Tensor, "batch pos"]) -> list:
        return [
            (HOOKS[kind].format(layer), _scaling(2 * values[kind][layer], kind, shape, at))
            for kind in KINDS
            for layer in range(shape.n_layers)
        ]

    return hooks_at


def _scaling(
    scale: Float[Tensor, " component"], kind: str, shape: ModelShape, at: Bool[Tensor, "batch pos"]
) -> Any:
    def apply(output: Tensor, hook: Any) -> Tensor:
        wide = scale if kind == "neuron" else scale.repeat_interleave(shape.d_head)
        # Heads come apart from their width, or as one row of both.
        each = torch.where(at[..., None], wide.to(output.device), 1.0).to(output.dtype)
        return output * each.reshape(output.shape)

    return apply


def batches_of(n: int, size: int, *, seed: int, round_: int) -> list[list[int]]:
    """All indices once, in an order that follows from the seed and the round."""
    order = np.random.default_rng([seed, round_]).permutation(n).tolist()
    return [order[start : start + size] for start in range(0, n, size)]


def targets(examples: Sequence[Example], batch: Sequence[int]) -> tuple[Tensor, Tensor]:
    return (
        torch.tensor([examples[i].desired for i in batch]),
        torch.tensor([examples[i].undesired for i in batch]),
    )


def rounded_components(values: dict[str, Float[np.ndarray, "layer component"]]) -> Components:
    """The components whose value is nearer to 1; exactly a half, which changes nothing, is not."""
    return Components(
        {
            kind: frozenset((int(layer), int(i)) for layer, i in np.argwhere(value > 0.5))
            for kind, value in values.items()
        }
    )
