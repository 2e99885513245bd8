"""What a trial is asked for: how many seeds, how many tokens each arm reads, what is measured.

TrialOptions(seeds=3, tokens=200_000)
"""

from __future__ import annotations

from dataclasses import dataclass

from workbench.options.record import check_options, option


@dataclass(frozen=True)
class TrialOptions:
    """`seeds` trainings an arm from `seed` on; `tokens` None: those of the smallest selection.

    Held-out loss is measured on all rows of the eval data, or `eval_n` drawn ones; `accuracy` is
    how many of them are answered as well.
    """

    seeds: int = option(3, "Trainings of each arm; with one nothing is judged.", low=1)
    tokens: int | None = option(
        None, "Tokens that each arm reads; default: those of the smallest selection.", low=1
    )
    eval_n: int | None = option(None, "Eval rows, drawn by chance; default: all.", low=1)
    accuracy: int = option(0, "Eval rows to answer, where an answer can be checked.", low=0)
    seed: int = option(0, "The first one.", low=0, high=2**31 - 1)

    def __post_init__(self) -> None:
        check_options(self)
