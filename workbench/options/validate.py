"""How much is spent on holding a circuit against random heads.

ValidateOptions(n=200, random=100)
"""

from __future__ import annotations

from dataclasses import dataclass

from workbench.options.heads import ablation_option
from workbench.options.record import check_options, option


@dataclass(frozen=True)
class ValidateOptions:
    """`n` samples of the data, `control_n` of each control text, `random` draws of heads.

    `decode_n` problems are also answered by greedy decoding (0: none), of at most
    `max_new_tokens` each; `curve_n` samples are for the cumulative knock-out (0: none).
    """

    n: int = option(
        100,
        "Samples drawn from the data; rows that the heads were found on are left out.",
        low=1,
    )
    random: int = option(50, "Random sets of heads.", low=1)
    decode_n: int = option(
        20,
        "Samples that are also answered by greedy decoding, under every set; 0 leaves it out.",
        low=0,
    )
    max_new_tokens: int | None = option(
        None,
        "Of a decoded answer; default: a quarter more than the longest given or own.",
        low=1,
    )
    curve_n: int = option(40, "Samples of the cumulative knock-out; 0 leaves it out.", low=0)
    control_n: int = option(50, "Samples of each control.", low=1)
    seed: int = option(0, "Of samples and random sets.", low=0)
    ablation: str = ablation_option()

    def __post_init__(self) -> None:
        check_options(self)
