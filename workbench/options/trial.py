"""What a trial is asked for: how many seeds, how many tokens each arm reads, what is measured.

TrialOptions(seeds=3, tokens=200_000)
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from workbench.options.record import check_options, option


@dataclass(frozen=True)
class TrialOptions:
    """`seeds` trainings an arm from `seed` on; `tokens` None: those of the smallest selection.

    Held-out loss is measured on all rows of the eval data, or `eval_n` drawn ones; `accuracy` is
    how many of them are answered as well. `tasks` are those of lm-evaluation-harness.
    """

    seeds: int = option(3, "Trainings of each arm; with one nothing is judged.", low=1)
    tokens: int | None = option(
        None, "Tokens that each arm reads; default: those of the smallest selection.", low=1
    )
    eval_n: int | None = option(None, "Eval rows, drawn by chance; default: all.", low=1)
    accuracy: int = option(0, "Eval rows to answer, where an answer can be checked.", low=0)
    tasks: tuple[str, ...] = option(
        (),
        "A task or group of lm-evaluation-harness to measure too (extra `eval`); repeatable.",
        flag="--task",
        metavar="NAME",
        many=True,
    )
    task_n: int | None = option(
        None, "Problems of each such task, its first ones; default: all.", low=1
    )
    task_folder: str | None = option(
        None, "A folder with tasks of your own, as YAML; what they name is run.", metavar="DIR"
    )
    seed: int = option(0, "The first one.", low=0, high=2**31 - 1)

    def __post_init__(self) -> None:
        check_options(self)

    @property
    def asked(self) -> dict[str, Any]:
        """What names a run: tasks only where there are some."""
        asked = dataclasses.asdict(self)
        if self.tasks:
            return asked
        return {name: value for name, value in asked.items() if not name.startswith("task")}
