"""What a score is asked with, and which method reads what.

ScoreOptions("circuitseer", variant="excess", drop_sink=True).scored_part
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from workbench.errors import InputError
from workbench.models import ENGINES
from workbench.scoring.variance import VARIANTS
from workbench.scoring.weights import WEIGHTS

PARTS = ("prompt", "completion", "all")
# What each method scores unless told otherwise; the other methods: the prompt.
OWN_PART = {"loss": "completion", "attention-influence": "all", "air": "completion"} | {
    "ifd": "completion"
}
COMPLETION_ONLY = ("air", "ifd")
METHODS = ("circuitseer", "attention-influence", "air", "loss", "length", "ifd", "random")
NEEDS_HEADS = ("circuitseer", "attention-influence", "air")
MODEL_FREE = ("length", "random")
BATCH_TOKENS = 2048
FLOOR = 0.05
TOP = 0.2


@dataclass(frozen=True)
class ScoreOptions:
    """What is asked. `part` None takes the method's own.

    `variant`, `drop_sink` and `per_head` are read by circuitseer. `with_loss` adds the column
    `loss` (the solution's, one more pass through all layers). `air` reads `floor` (nats a token,
    the least base loss that a difference is divided by), `absolute` (no division), and for the
    training weights of its steps `weights`, `temperature` and `top` (share of steps weighted up).
    `engine` is what passes run on (`workbench.models.with_engine`); `batch_tokens` None goes by
    free memory.
    """

    method: str
    variant: str = "paper"
    drop_sink: bool = False
    part: str | None = None
    per_head: bool = False
    with_loss: bool = False
    batch_tokens: int | None = None
    seed: int = 0
    absolute: bool = False
    floor: float = FLOOR
    weights: str = "top-fraction"
    temperature: float = 1.0
    top: float = TOP
    engine: str = "auto"

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("method", self.method, METHODS),
            ("variant", self.variant, tuple(VARIANTS)),
            ("part", self.part, (None, *PARTS)),
            ("weights", self.weights, tuple(WEIGHTS)),
            ("engine", self.engine, ENGINES),
        ):
            if value not in allowed:
                known = ", ".join(str(a) for a in allowed if a)
                raise InputError(f"the {name} is '{value}'", expected=f"one of {known}")
        if self.method in COMPLETION_ONLY and self.part not in (None, "completion"):
            raise InputError(
                f"the part is '{self.part}'",
                expected=f"completion, which is all that {self.method} scores",
                do="leave out --part",
            )
        self._check_numbers()

    def _check_numbers(self) -> None:
        for name, value in (("floor", self.floor), ("temperature", self.temperature)):
            if not (value > 0 and math.isfinite(value)):
                raise InputError(f"the {name} is {value}", expected="a finite number above 0")
        if not 0 < self.top <= 1:
            raise InputError(f"top is {self.top}", expected="a share above 0 and up to 1")

    @property
    def scored_part(self) -> str:
        return self.part or OWN_PART.get(self.method, "prompt")

    @property
    def tokens(self) -> int:
        """Positions in a batch, where free memory has not been asked."""
        return self.batch_tokens or BATCH_TOKENS

    @property
    def column(self) -> str:
        """The column of a CircuitSeer result that becomes `score`."""
        return self.variant + ("_no_sink" if self.drop_sink else "")
