"""What a tuning is asked for: which weights are trained, on how many rows, how fast.

options = TuneOptions(lora=True, epochs=1.0)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from workbench.errors import InputError
from workbench.options.record import check_options, option

SCHEDULES = ("linear", "cosine", "constant")
DTYPES = ("float32", "bfloat16")
REPORTS = ("none", "wandb", "tensorboard", "trackio")
DEFAULT_LR = {True: 2e-4, False: 2e-5}
DEFAULT_EPOCHS = 3.0
FILE = "file"
RULES = (FILE, "top-fraction", "softmax", "linear")


@dataclass(frozen=True)
class StepWeights:
    """Where step weights come from: the column `weight`, or a rule over the column `score`.

    The rules and what they read are those of `workbench.scoring.weights`.
    """

    rule: str = option(
        FILE,
        "The weights in the steps file, or a rule over its scores.",
        choices=RULES,
        flag="--weights",
    )
    temperature: float = option(1.0, "softmax, linear.", low=0, open_low=True)
    top: float = option(
        0.2, "Share of steps weighted up by top-fraction.", low=0, high=1, open_low=True
    )

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True)
class TuneOptions:
    """Everything that can change the tuned weights, beside the model and the data.

    An optimiser step reads `batch_size * accumulate` rows; their number follows from `epochs` or is
    `max_steps`. `lr` None means 2e-4 for LoRA and 2e-5 for all weights. `warmup` is a share of all
    steps, `lora_*` are read with `lora`, and rows above `max_length` tokens are left out (None: the
    model's context). `end_token`: see `workbench.tuning.make_examples`.
    """

    lora: bool = option(False, "Adapters, merged, or all weights (default).", flag="--lora/--full")
    lora_rank: int = option(16, "Rank of the adapters.", low=1)
    lora_alpha: int = option(32, "Their scale, over the rank.", low=1)
    epochs: float | None = option(None, "Rounds over the rows; default: 3.", low=0, open_low=True)
    max_steps: int | None = option(None, "Optimiser steps, in place of --epochs.", low=1)
    lr: float | None = option(
        None, "Learning rate; default: 2e-5, with --lora 2e-4.", low=0, open_low=True
    )
    schedule: str = option("linear", "Course of the learning rate.", choices=SCHEDULES)
    warmup: float = option(0.0, "Share of the steps.", low=0, high=1)
    weight_decay: float = option(0.0, "Of AdamW.", low=0)
    max_grad_norm: float = option(
        1.0, "Longer gradients are shortened to it.", low=0, open_low=True
    )
    batch_size: int = option(8, "Rows in a pass.", low=1)
    accumulate: int = option(1, "Passes in a step.", low=1)
    max_length: int | None = option(
        None, "Leave out longer rows (tokens); default: the context.", low=1
    )
    end_token: bool = option(
        True, "Learn also the token that ends the answer.", flag="--end-token/--no-end-token"
    )
    seed: int = option(0, "Of the order of rows.", low=0, high=2**32 - 1)

    def __post_init__(self) -> None:
        check_options(self)
        if self.epochs is not None and self.max_steps is not None:
            raise InputError(
                "epochs and max_steps are both given", expected="one of them", do="leave out one"
            )

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


@dataclass(frozen=True)
class SpendOptions:
    """What changes memory and time of a tuning, and no result."""

    gradient_checkpointing: bool = option(False, "Less memory, more time, equal result.")
    checkpoint_every: int = option(50, "Steps between two saved states.", low=1)
    report_to: str = option(
        "none", "Where losses are sent beside the run; by default nowhere.", choices=REPORTS
    )

    def __post_init__(self) -> None:
        check_options(self)
