"""Which components pull the model to the right token? The mask, learnt by gradient.

All values are 1 at first; the logit difference is raised while an L1 price pushes every value down
(arXiv 2512.16914; docs/methods.md, Amplification). Each finished epoch is kept on request, so that
what was interrupted goes on, to the same values.

    found = learn_mask(model, examples, MaskOptions(l1=5e-3, epochs=2))
    found.kept.share(found.shape)
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workbench.amplification.checkpoint import load_state, part_of_state, save_state
from workbench.amplification.components import KINDS, ModelShape
from workbench.amplification.lastpass import Prefixes, cache_prefixes, last_token_logits
from workbench.amplification.mask import (
    Example,
    FoundMask,
    batches_of,
    mask_hooks,
    model_shape,
    rounded_components,
    targets,
)
from workbench.amplification.network import logit_difference
from workbench.models import Model
from workbench.options import MaskOptions
from workbench.types import Progress, no_progress


class _Course:
    """The values, Adam's state of each, and the curve so far: what must stay together."""

    def __init__(self, model: Model, shape: ModelShape, options: MaskOptions):
        self.options = options
        self.values = {
            kind: torch.ones(
                shape.n_layers, shape.per_layer(kind), device=model.device, requires_grad=True
            )
            for kind in KINDS
        }
        self.optimizer = torch.optim.Adam(self.values.values(), lr=options.lr)
        self.curve: list[dict[str, Any]] = []
        self.before: float | None = None

    @property
    def lr(self) -> float:
        """The step size of the next epoch."""
        options = self.options
        return options.lr * options.decay ** (len(self.curve) // options.decay_every)

    def stopped(self) -> str | None:
        """Why there is no next epoch, None if there is one."""
        last = self.curve[-self.options.patience :]
        still = [p for p in last if not p["changed"] and p["moved"] < self.options.still]
        if len(still) == self.options.patience:
            return f"settled after {len(self.curve)} epochs"
        return "all epochs" if len(self.curve) >= self.options.epochs else None

    def flat(self) -> Tensor:
        return torch.cat([v.detach().flatten() for v in self.values.values()]).clone()

    def record(self, differences: Sequence[float], start: Tensor, lr: float) -> None:
        """One epoch as a row of the curve; `moved` is the mean change of a value."""
        flat = self.flat()
        self.curve.append(
            {
                "epoch": len(self.curve) + 1,
                "difference": float(np.mean(differences)),
                "sum": float(flat.double().sum()),
                "kept": int((flat > 0.5).sum()),
                "changed": int(((flat > 0.5) != (start > 0.5)).sum()),
                "moved": float((flat - start).abs().mean()),
                "lr": lr,
            }
        )

    def save(self, path: Path) -> None:
        tensors = {f"values/{kind}": value for kind, value in self.values.items()}
        for kind, value in self.values.items():
            for name, state in self.optimizer.state[value].items():
                tensors[f"{name}/{kind}"] = state
        save_state(path, tensors, {"curve": self.curve, "before": self.before})

    @torch.no_grad()
    def load(self, path: Path | None) -> None:
        """Go on from what an earlier attempt left, if it left anything."""
        left = load_state(path)
        if left is None:
            return
        tensors, facts = left
        self.curve, self.before = facts["curve"], facts["before"]
        for kind, value in self.values.items():
            value.copy_(tensors[f"values/{kind}"])
            for name in ("step", "exp_avg", "exp_avg_sq"):
                saved = part_of_state(tensors, name)[kind]
                # Adam counts its steps on the CPU, wherever the values are.
                place = value.device if saved.ndim else torch.device("cpu")
                self.optimizer.state[value][name] = saved.to(place)


def learn_mask(
    model: Model,
    examples: Sequence[Example],
    options: MaskOptions,
    *,
    checkpoint: Path | None = None,
    on_progress: Progress = no_progress,
) -> FoundMask:
    """Minimise `l1 * sum(m) - mean(logit difference)`, then round (docs/methods.md, Amplification).

    With `checkpoint`, a file, each finished epoch is kept there and gone on from.
    """
    shape = model_shape(model)
    n_batches = -(-len(examples) // options.batch_size)
    n_total = len(examples) + options.epochs * n_batches
    prefixes = cache_prefixes(
        model,
        [example.prefix for example in examples],
        on_progress=lambda done, _, text: on_progress(done, n_total, text),
    )
    course = _Course(model, shape, options)
    course.load(checkpoint)
    if course.before is None:
        course.before = mean_difference(model, prefixes, examples, size=options.batch_size)
    while course.stopped() is None:
        start, rate = course.flat(), course.lr
        course.record(_epoch(model, shape, prefixes, examples, course), start, rate)
        if checkpoint is not None:
            course.save(checkpoint)
        done = len(examples) + len(course.curve) * n_batches
        text = f"epoch {len(course.curve)}, {course.curve[-1]['kept']} components kept"
        on_progress(done, n_total, text)
    plain = {k: v.detach().cpu().numpy().astype(np.float64) for k, v in course.values.items()}
    return FoundMask(
        shape=shape,
        values=plain,
        kept=rounded_components(plain),
        curve=course.curve,
        before=course.before,
        stopped=str(course.stopped()),
    )


def _epoch(
    model: Model,
    shape: ModelShape,
    prefixes: Prefixes,
    examples: Sequence[Example],
    course: _Course,
) -> list[float]:
    """One round over the examples in a new order; the logit difference of each."""
    options, values, optimizer = course.options, course.values, course.optimizer
    for group in optimizer.param_groups:
        group["lr"] = course.lr
    differences: list[float] = []
    order = batches_of(
        len(examples), options.batch_size, seed=options.seed, round_=len(course.curve)
    )
    for batch in order:
        logits = last_token_logits(model, prefixes, batch, mask_hooks(shape, values))
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


@torch.no_grad()
def mean_difference(
    model: Model, prefixes: Prefixes, examples: Sequence[Example], *, size: int
) -> float:
    """Mean logit difference of the unchanged model."""
    total = 0.0
    for start in range(0, len(examples), size):
        batch = range(start, min(start + size, len(examples)))
        logits = last_token_logits(model, prefixes, batch)
        total += float(logit_difference(logits, *targets(examples, batch)).double().sum())
    return total / len(examples)
