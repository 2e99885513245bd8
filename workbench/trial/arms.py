"""The arms of a trial: the selections, and the rows that each has to be held against.

arms = arms_of([drawn, drawn], shared_pool([drawn]))
arms[0].name, arms[0].rows(seed=0)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from workbench.errors import InputError
from workbench.selection import Drawn, SharedPool, like_lengths, row_lengths

RANDOM, POOL = "random", "whole pool"
UNTUNED = "untuned"
"""Not an arm: the model as it was before."""
SELECTION, LENGTHS = "selection", "lengths"
# Apart from the seeds of trainings and of selections: equal numbers would draw like rows.
DRAW = 0x7E57


@dataclass(frozen=True)
class Arm:
    """What one model after another is trained on.

    `kind` is selection, lengths (random rows as long as those of the selection `of`), random or
    whole pool; `chosen` are positions of the pool: those of a selection, else None.
    """

    name: str
    kind: str
    pool: SharedPool
    chosen: Int64[np.ndarray, " chosen"] | None = None
    of: str = ""

    def rows(self, seed: int) -> list[str]:
        """Ids of the rows that may be read, for a control drawn anew with every seed.

        Those of `random` stand in the order of the draw: how many are taken, the budget says.
        """
        ids = self.pool.table["row_id"].to_numpy()
        if self.kind == SELECTION:
            return ids[self.chosen].tolist()
        if self.kind == POOL:
            return ids.tolist()
        rng = np.random.default_rng([DRAW, seed])
        if self.kind == RANDOM:
            return ids[rng.permutation(len(ids))].tolist()
        lengths = row_lengths(self.pool).astype(np.int64)
        drawn = like_lengths(np.asarray(self.chosen), lengths, rng.random(len(lengths)))
        return ids[np.sort(drawn)].tolist()


def arms_of(drawn: Sequence[Drawn], pool: SharedPool) -> list[Arm]:
    """Random rows, the whole pool, and each selection with random rows of its lengths.

    A selection counts with its rows in the pool that all share.
    """
    arms = [Arm(RANDOM, RANDOM, pool), Arm(POOL, POOL, pool)]
    for name, one in zip(_names(drawn), drawn, strict=True):
        chosen = np.flatnonzero(pool.inside(one))
        if not len(chosen):
            raise InputError(
                f"no row of '{one.name}' is in the pool that all selections share",
                expected="selections of the same data",
            )
        arms.append(Arm(name, SELECTION, pool, chosen))
        arms.append(Arm(f"random, lengths of {name}", LENGTHS, pool, chosen, of=name))
    return arms


def _names(drawn: Sequence[Drawn]) -> list[str]:
    """The names of the runs; one that comes again, or is that of a control, is numbered."""
    names = [RANDOM, POOL, UNTUNED]
    for one in drawn:
        n = sum(name.partition(" #")[0] == one.name for name in names)
        names.append(f"{one.name} #{n + 1}" if n else one.name)
    return names[3:]
