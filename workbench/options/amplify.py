"""What the four steps of an amplification are asked: localize, mask, update, report.

LocalizeOptions(where="n_steps=5..8", rule="branching")
UpdateOptions(lrs=(1e-4, 3e-4)).sizes
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from workbench.errors import InputError
from workbench.options.record import check_options, option

BATCH_TOKENS = 2**16
RULES = ("prefix", "branching")
VARIANTS = ("mask", "no-mask", "random", "lora")
CONTROLS = VARIANTS[1:]
LORA_LR = 2e-4


def _lora_lrs() -> Any:
    return option(
        (LORA_LR,),
        "Step size of LoRA; of several, validation chooses.",
        low=0,
        open_low=True,
        many=True,
        flag="--lora-lr",
    )


@dataclass(frozen=True)
class LocalizeOptions:
    """Which problems, and how their traces are drawn; see `workbench.amplification.PivotOptions`.

    `where` chooses the task's rows (`n_steps=5..8`), `label` is a column that results are broken
    down by (default: that of `where`). `max_new_tokens` None: a quarter more than the longest
    given solution.
    """

    where: str | None = option(
        None, "Rows of the task: n_steps=5..8, subject=Algebra.", metavar="COLUMN=VALUE"
    )
    n: int = option(300, "Problems looked at.", low=1)
    rule: str = option(
        "prefix",
        "prefix: where the traces differ first; branching: where that first decides the answer.",
        choices=RULES,
    )
    n_samples: int = option(10, "Sampled traces.", low=1, flag="--samples")
    hot: float = option(1.2, "Temperature, greedy right.", low=0, open_low=True)
    cool: float = option(0.8, "Temperature, greedy wrong.", low=0, open_low=True)
    label: str | None = option(
        None, "Break results down by it; default: --where's.", metavar="COLUMN"
    )
    max_new_tokens: int | None = option(
        None, "Of a trace; default: a quarter more than the longest given solution.", low=1
    )
    seed: int = option(0, "Of problems and sampled traces.")

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True)
class MaskOptions:
    """The paper's optimisation; `patience` and `still` stop it early (ours).

    It stops once the kept set has been the same for `patience` epochs in which the values moved by
    less than `still` on average.
    """

    l1: float = option(5e-3, "Price of a component.", low=0)
    lr: float = option(5e-3, "Adam's step size.", low=0, open_low=True)
    decay: float = option(0.9, "Of the step size.", low=0, open_low=True)
    decay_every: int = option(5, "Epochs between decays.", low=1)
    epochs: int = option(50, "At most.", low=1)
    batch_size: int = option(8, "Prefixes a step.", low=1)
    patience: int = option(3, "Epochs without a change of the kept set that end it.", low=1)
    still: float = option(1e-4, "Mean move of the values that counts as none.", low=0)
    seed: int = option(0, "Of the order of prefixes.")

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True)
class UpdateOptions:
    """`steps` of each size in `lrs` (for LoRA in `lora_lrs`), validated every `every` steps.

    The paper's 50 steps of 1e-4 are the default; with several sizes each starts anew, and
    validation chooses among all of them (ours).
    """

    variant: str = option(
        "mask",
        "mask, or one of its controls (`amplify report` makes these by itself).",
        choices=VARIANTS,
    )
    steps: int = option(50, "Gradient steps.", low=1)
    lrs: tuple[float, ...] = option(
        (1e-4,),
        "Step size; of several, validation chooses.",
        low=0,
        open_low=True,
        many=True,
        flag="--lr",
    )
    lora_lrs: tuple[float, ...] = _lora_lrs()
    lora_rank: int = option(16, "Rank of the adapters.", low=1)
    lora_alpha: int = option(32, "Their scale, over the rank.", low=1)
    every: int = option(10, "Steps to validation.", low=1)
    batch_size: int = option(8, "Prefixes a step.", low=1)
    validation_n: int = option(100, "Problems to validate.", low=1)
    seed: int = option(0, "Of the order of prefixes, and of the random control.")

    def __post_init__(self) -> None:
        check_options(self)
        if not self.sizes:
            raise InputError("no step size is given", expected="one or more above 0")

    @property
    def sizes(self) -> tuple[float, ...]:
        return self.lora_lrs if self.variant == "lora" else self.lrs


@dataclass(frozen=True)
class ReportOptions:
    """`n` problems of the task and `n_other` others (0: none), drawn from the part held out.

    `text_n` plain texts, and `retrieval_n` key-value documents of at most `retrieval_limit` tokens
    (0 leaves either out). `lora_lrs` are the step sizes that validation chooses from for LoRA.
    """

    n: int = option(200, "Problems of the task.", low=1)
    n_other: int = option(100, "Problems beside it.", low=0)
    text_n: int = option(50, "Plain texts.", low=0)
    retrieval_n: int = option(40, "Key-value documents.", low=0)
    retrieval_limit: int | None = option(None, "Most tokens of such a document.", low=1)
    controls: tuple[str, ...] = option(
        CONTROLS,
        "Updates to compare with, made where missing; lora needs the extra 'train'.",
        choices=CONTROLS,
        many=True,
        flag="--against",
    )
    lora_lrs: tuple[float, ...] = _lora_lrs()
    seed: int = option(0, "Of the problems drawn.")

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True)
class DecodingOptions:
    """What changes memory and time of decoding, and no result."""

    batch_tokens: int = option(
        BATCH_TOKENS,
        "Cached tokens held at once while decoding: memory and time, not results.",
        low=1,
    )

    def __post_init__(self) -> None:
        check_options(self)
