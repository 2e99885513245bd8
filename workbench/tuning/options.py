"""What a tuning is asked for: which weights are trained, on how many rows, how fast.

options = TuneOptions(lora=True, epochs=1)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from workbench.errors import InputError

SCHEDULES = ("linear", "cosine", "constant")
DTYPES = ("float32", "bfloat16")
DEFAULT_LR = {True: 2e-4, False: 2e-5}
DEFAULT_EPOCHS = 3.0


@dataclass(frozen=True)
class TuneOptions:
    """Everything that can change the tuned weights, beside the model and the data.

    An optimiser step reads `batch_size * accumulate` rows; their number follows from `epochs` or is
    `max_steps`. `lr` None means 2e-4 for LoRA and 2e-5 for all weights. `warmup` is a share of all
    steps, `lora_*` are read with `lora`, and rows above `max_length` tokens are left out (None: the
    model's context). `end_token`: see `workbench.tuning.make_examples`.
    """

    lora: bool = False
    lora_rank: int = 16
    lora_alpha: int = 32
    epochs: float | None = None
    max_steps: int | None = None
    lr: float | None = None
    schedule: str = "linear"
    warmup: float = 0.0
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    batch_size: int = 8
    accumulate: int = 1
    max_length: int | None = None
    end_token: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise InputError(
                f"the schedule is '{self.schedule}'", expected=f"one of {', '.join(SCHEDULES)}"
            )
        if self.epochs is not None and self.max_steps is not None:
            raise InputError(
                "epochs and max_steps are both given", expected="one of them", do="leave out one"
            )
        above_zero = ("epochs", "max_steps", "lr", "lora_rank", "lora_alpha", "max_grad_norm")
        for name in (*above_zero, "batch_size", "accumulate", "max_length"):
            _check(name, getattr(self, name), "a finite number above 0", above=0.0)
        _check("weight_decay", self.weight_decay, "a finite number from 0 on")
        _check("warmup", self.warmup, "a share from 0 to 1", most=1.0)
        _check("seed", self.seed, "a whole number from 0 to 2^32 - 1", most=2**32 - 1)

    @property
    def rows_per_step(self) -> int:
        return self.batch_size * self.accumulate

    @property
    def learning_rate(self) -> float:
        return DEFAULT_LR[self.lora] if self.lr is None else self.lr

    def n_steps(self, n_rows: int) -> int:
        """Optimiser steps over `n_rows` rows; the last one fills up from a further round."""
        if self.max_steps is not None:
            return self.max_steps
        epochs = DEFAULT_EPOCHS if self.epochs is None else self.epochs
        return max(1, math.ceil(epochs * n_rows / self.rows_per_step))


def _check(
    name: str,
    value: int | float | None,
    expected: str,
    *,
    above: float | None = None,
    most: int | float = math.inf,
) -> None:
    """`value` is finite, at least 0 (or more than `above`) and not beyond `most`; None is fine."""
    if value is None:
        return
    low_enough = value > above if above is not None else value >= 0
    if not (math.isfinite(value) and low_enough and value <= most):
        raise InputError(f"{name} is {value:g}", expected=expected)
