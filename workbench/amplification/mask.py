"""Which components pull the model to the right token? A mask over all of them, learnt by gradient.

Constructive Circuit Amplification (arXiv 2512.16914): one value in [0, 1] a query head, key head,
value head and neuron, all 1 at first, applied at the last prefix token as 2m times the component's
output; the logit difference is raised while an L1 price pushes every value down.

    found = learn_mask(model, examples, MaskOptions(l1=5e-3))
    found.kept.share(found.shape)
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
from workbench.amplification.lastpass import Hooks, Prefixes, cache_prefixes, last_token_logits
from workbench.amplification.network import logit_difference
from workbench.errors import InputError
from workbench.models import Model
from workbench.types import Progress, no_progress

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
class MaskOptions:
    """The paper's optimisation; `patience` and `still` stop it early (ours).

    It stops once the kept set has been the same for `patience` epochs in which the values moved by
    less than `still` on average.
    """

    l1: float = 5e-3
    lr: float = 5e-3
    decay: float = 0.9
    decay_every: int = 5
    epochs: int = 50
    batch_size: int = 8
    patience: int = 3
    still: float = 1e-4
    seed: int = 0

    def __post_init__(self) -> None:
        if self.l1 < 0 or self.lr <= 0 or min(self.epochs, self.batch_size) < 1:
            raise InputError(
                f"the mask is asked for with l1 {self.l1:g}, lr {self.lr:g}, {self.epochs} epochs "
                f"and batches of {self.batch_size}",
                expected="l1 of 0 or more, and the others above 0",
            )


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


@dataclass(frozen=True)
class _Learning:
    """What every epoch works on."""

    model: Model
    shape: ModelShape
    prefixes: Prefixes
    examples: Sequence[Example]
    options: MaskOptions


def learn_mask(
    model: Model,
    examples: Sequence[Example],
    options: MaskOptions,
    *,
    on_progress: Progress = no_progress,
) -> FoundMask:
    """Minimise `l1 * sum(m) - mean(logit difference)` (METHODS, section 4) and round at the end."""
    shape = model_shape(model)
    n_batches = -(-len(examples) // options.batch_size)
    n_total = len(examples) + options.epochs * n_batches
    prefixes = cache_prefixes(
        model,
        [example.prefix for example in examples],
        on_progress=lambda done, _, text: on_progress(done, n_total, text),
    )
    learning = _Learning(model, shape, prefixes, examples, options)
    values = {
        kind: torch.ones(
            shape.n_layers, shape.per_layer(kind), device=model.device, requires_grad=True
        )
        for kind in KINDS
    }
    optimizer = torch.optim.Adam(values.values(), lr=options.lr)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, options.decay_every, options.decay)
    before = _mean_difference(learning)
    curve: list[dict[str, Any]] = []
    settled, stopped = 0, "all epochs"
    for epoch in range(options.epochs):
        start, rate = _flat(values), float(schedule.get_last_lr()[0])
        differences = _epoch(learning, values, optimizer, epoch)
        schedule.step()
        curve.append(_point(epoch, differences, values, start, rate))
        done = len(examples) + (epoch + 1) * n_batches
        on_progress(done, n_total, f"epoch {epoch + 1}, {curve[-1]['kept']} components kept")
        same = bool(((_flat(values) > 0.5) == (start > 0.5)).all())
        settled = settled + 1 if same and curve[-1]["moved"] < options.still else 0
        if settled >= options.patience:
            stopped = f"settled after {epoch + 1} epochs"
            break
    plain = {k: v.detach().cpu().numpy().astype(np.float64) for k, v in values.items()}
    return FoundMask(shape, plain, rounded_components(plain), curve, before, stopped)


def _epoch(
    learning: _Learning, values: Values, optimizer: torch.optim.Optimizer, epoch: int
) -> list[float]:
    """One round over the examples in a new order; the logit difference of each."""
    examples, options = learning.examples, learning.options
    differences: list[float] = []
    for batch in batches_of(len(examples), options.batch_size, seed=options.seed, round_=epoch):
        hooks_at = mask_hooks(learning.shape, values)
        logits = last_token_logits(learning.model, learning.prefixes, batch, hooks_at)
        difference = logit_difference(logits, *targets(examples, batch))
        price = torch.stack([value.sum() for value in values.values()]).sum()
        optimizer.zero_grad()
        (options.l1 * price - difference.mean()).backward()
        optimizer.step()
        with torch.no_grad():
            for value in values.values():
                value.clamp_(0, 1)
        differences += difference.detach().tolist()
    return differences


def batches_of(n: int, size: int, *, seed: int, round_: int) -> list[list[int]]:
    """All indices once, in an order that follows from the seed and the round."""
    order = np.random.default_rng([seed, round_]).permutation(n).tolist()
    return [order[start : start + size] for start in range(0, n, size)]


def targets(examples: Sequence[Example], batch: Sequence[int]) -> tuple[Tensor, Tensor]:
    return (
        torch.tensor([examples[i].desired for i in batch]),
        torch.tensor([examples[i].undesired for i in batch]),
    )


@torch.no_grad()
def _mean_difference(learning: _Learning) -> float:
    examples, size = learning.examples, learning.options.batch_size
    total = 0.0
    for start in range(0, len(examples), size):
        batch = range(start, min(start + size, len(examples)))
        logits = last_token_logits(learning.model, learning.prefixes, batch)
        total += float(logit_difference(logits, *targets(examples, batch)).double().sum())
    return total / len(examples)


def rounded_components(values: dict[str, Float[np.ndarray, "layer component"]]) -> Components:
    """The components whose value is nearer to 1; exactly a half, which changes nothing, is not."""
    return Components(
        {
            kind: frozenset((int(layer), int(i)) for layer, i in np.argwhere(value > 0.5))
            for kind, value in values.items()
        }
    )


def _flat(values: Values) -> Tensor:
    return torch.cat([v.detach().flatten() for v in values.values()]).clone()


def _point(
    epoch: int, differences: list[float], values: Values, start: Tensor, lr: float
) -> dict[str, Any]:
    """One epoch as a row of the curve; `moved` is the mean change of a value."""
    flat = _flat(values)
    return {
        "epoch": epoch + 1,
        "difference": float(np.mean(differences)),
        "sum": float(flat.double().sum()),
        "kept": int((flat > 0.5).sum()),
        "moved": float((flat - start).abs().mean()),
        "lr": lr,
    }
