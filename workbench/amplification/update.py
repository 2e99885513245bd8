"""The targeted update: a few gradient steps on the rows of the kept components, and no others.

The same logit difference as the mask's, over whole prefixes. The step with the best accuracy on
validation problems is kept; step 0 is the unchanged model, and wins a tie.

    history = run_steps(model, trainable, examples, options, accuracy=accuracy)
    history.best.step, history.state
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from workbench.amplification.checkpoint import State, load_state, part_of_state, save_state
from workbench.amplification.mask import Example, batches_of, targets
from workbench.amplification.network import last_logits, logit_difference
from workbench.amplification.trainable import Trainable
from workbench.errors import InputError, WorkbenchError
from workbench.models import Model
from workbench.types import Progress, no_progress

VARIANTS = ("mask", "no-mask", "random", "lora")
LORA_LR = 2e-4


@dataclass(frozen=True)
class UpdateOptions:
    """`steps` of each size in `lrs` (for LoRA in `lora_lrs`), validated every `every` steps.

    The paper's 50 steps of 1e-4 are the default; with several sizes each starts anew, and
    validation chooses among all of them (ours).
    """

    variant: str = "mask"
    steps: int = 50
    lrs: tuple[float, ...] = (1e-4,)
    batch_size: int = 8
    every: int = 10
    validation_n: int = 100
    lora_rank: int = 16
    lora_alpha: int = 32
    lora_lrs: tuple[float, ...] = (LORA_LR,)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise InputError(
                f"the variant is '{self.variant}'", expected=f"one of {', '.join(VARIANTS)}"
            )
        if min(self.steps, self.batch_size, self.every, self.validation_n, self.lora_rank) < 1:
            raise InputError("a number of the update is below 1", expected="1 or more")
        if not all(lr > 0 for lr in (*self.lrs, *self.lora_lrs)) or not self.sizes:
            raise InputError("a step size is not above 0", expected="one or more above 0")

    @property
    def sizes(self) -> tuple[float, ...]:
        return self.lora_lrs if self.variant == "lora" else self.lrs


@dataclass(frozen=True)
class Point:
    """The state after a step: its accuracy, and the logit difference of the batches since."""

    lr: float
    step: int
    accuracy: float
    difference: float | None


@dataclass(frozen=True)
class History:
    """All validated steps; `best` is the first of the highest accuracy.

    `state` is what to store for it, None for step 0: then there is nothing to change.
    """

    points: tuple[Point, ...]
    best: Point
    state: State | None


def run_steps(
    model: Model,
    trainable: Trainable,
    examples: Sequence[Example],
    options: UpdateOptions,
    *,
    accuracy: Callable[[], float],
    checkpoint: Path | None = None,
    on_progress: Progress = no_progress,
) -> History:
    """Take the steps, and leave the network as it was; WorkbenchError if the loss blows up.

    With `checkpoint`, a file, each validated step is kept there and gone on from.
    """
    left = load_state(checkpoint)
    tensors, facts = left if left else ({}, {"points": []})
    points = [Point(**point) for point in facts["points"]]
    if not points:
        with trainable.as_stored():
            points = [Point(options.sizes[0], 0, accuracy(), None)]
    best_state = part_of_state(tensors, "best") or None
    batches = _batches(len(examples), options)
    for number, lr in enumerate(options.sizes):
        done = max((p.step for p in points if p.lr == lr), default=0)
        if not done:
            trainable.reset()
        elif done < options.steps:
            trainable.resume(part_of_state(tensors, "now"))
        seen: list[float] = []
        for step in range(done + 1, options.steps + 1):
            seen += _step(model, trainable, [examples[i] for i in batches[step - 1]], lr)
            n_done = number * options.steps + step
            on_progress(n_done, len(options.sizes) * options.steps, f"step {step} of size {lr:g}")
            if step % options.every and step < options.steps:
                continue
            with trainable.as_stored():
                found = Point(lr, step, accuracy(), sum(seen) / len(seen))
            if found.accuracy > best_of(points).accuracy:
                best_state = {name: v.clone() for name, v in trainable.state().items()}
            points, seen = [*points, found], []
            if checkpoint is not None:
                _save(checkpoint, trainable, points, best_state)
    trainable.reset()
    return History(tuple(points), best_of(points), best_state)


def best_of(points: Sequence[Point]) -> Point:
    """The first of the highest accuracy: of equal ones the unchanged model, then the earliest."""
    return max(points, key=lambda point: point.accuracy)


def _save(
    path: Path, trainable: Trainable, points: Sequence[Point], best_state: State | None
) -> None:
    tensors = {f"now/{name}": value for name, value in trainable.progress().items()}
    tensors |= {f"best/{name}": value for name, value in (best_state or {}).items()}
    save_state(path, tensors, {"points": [dataclasses.asdict(point) for point in points]})


def _step(
    model: Model, trainable: Trainable, examples: Sequence[Example], lr: float
) -> list[float]:
    difference = prefix_gradient(model, examples)
    if not bool(torch.isfinite(difference).all()):
        raise WorkbenchError(
            f"the logit difference is no number any more at steps of {lr:g}, pass a smaller --lr"
        )
    trainable.step(lr)
    return difference.detach().tolist()


def prefix_gradient(model: Model, examples: Sequence[Example]) -> Float[Tensor, " batch"]:
    """The logit difference of each example, and its mean's gradient wherever one is asked for."""
    logits = last_logits(model, [example.prefix for example in examples])
    difference = logit_difference(logits, *targets(examples, range(len(examples))))
    (-difference.mean()).backward()
    return difference


def _batches(n: int, options: UpdateOptions) -> list[list[int]]:
    """The batches of all steps: round after round over the examples."""
    batches: list[list[int]] = []
    round_ = 0
    while len(batches) < options.steps:
        batches += batches_of(n, options.batch_size, seed=options.seed, round_=round_)
        round_ += 1
    return batches[: options.steps]
