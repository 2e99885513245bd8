"""The targeted update: a few gradient steps on the rows of the kept components, and no others.

The same logit difference as the mask's, over whole prefixes. The step with the best accuracy on
validation problems is kept; step 0 is the unchanged model, and wins a tie.

    history = run_steps(model, trainable, examples, options, accuracy=accuracy)
    history.best.step, trainable.state()
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from workbench.amplification.mask import Example, batches_of, targets
from workbench.amplification.network import last_logits, logit_difference
from workbench.amplification.trainable import State, Trainable
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
    lora_alpha: float = 32.0
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
    """All validated steps; `best` is the first of the highest accuracy."""

    points: tuple[Point, ...]
    best: Point


def run_steps(
    model: Model,
    trainable: Trainable,
    examples: Sequence[Example],
    options: UpdateOptions,
    *,
    accuracy: Callable[[], float],
    on_progress: Progress = no_progress,
) -> History:
    """Take the steps, and leave the network at its best; WorkbenchError if the loss blows up."""
    points = [Point(options.sizes[0], 0, accuracy(), None)]
    best, best_state = points[0], None
    n_total, n_done = options.steps * len(options.sizes), 0
    for lr in options.sizes:
        trainable.reset()
        seen: list[float] = []
        for step, batch in enumerate(_stream(len(examples), options), start=1):
            seen += _step(model, trainable, [examples[i] for i in batch], lr)
            n_done += 1
            on_progress(n_done, n_total, f"step {step} of size {lr:g}")
            if step % options.every == 0 or step == options.steps:
                points.append(Point(lr, step, accuracy(), sum(seen) / len(seen)))
                seen = []
                if points[-1].accuracy > best.accuracy:
                    best, best_state = points[-1], _copied(trainable.state())
    trainable.reset()
    if best_state is not None:
        trainable.load(best_state)
    return History(tuple(points), best)


def _step(
    model: Model, trainable: Trainable, examples: Sequence[Example], lr: float
) -> list[float]:
    logits = last_logits(model, [example.prefix for example in examples])
    difference = logit_difference(logits, *targets(examples, range(len(examples))))
    (-difference.mean()).backward()
    if not bool(torch.isfinite(difference).all()):
        raise WorkbenchError(
            f"the logit difference is no number any more at steps of {lr:g}, pass a smaller --lr"
        )
    trainable.step(lr)
    return difference.detach().tolist()


def _stream(n: int, options: UpdateOptions) -> list[list[int]]:
    """The batches of all steps: round after round over the examples."""
    batches: list[list[int]] = []
    round_ = 0
    while len(batches) < options.steps:
        batches += batches_of(n, options.batch_size, seed=options.seed, round_=round_)
        round_ += 1
    return batches[: options.steps]


def _copied(state: State) -> State:
    return {name: values.clone() for name, values in state.items()}
