"""Which rows are taken: a draw of a few, and those that nothing was found on.

rows, held_out = unseen(samples, exclude=frozenset(), seen=seen)
chosen = draw(rows, 100, seed=0)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from workbench.errors import InputError
from workbench.types import Sample


def draw(samples: Sequence[Sample], n: int, seed: int) -> list[Sample]:
    """At most `n` rows at random, in their own order."""
    order = np.random.default_rng(seed).permutation(len(samples))[:n]
    return [samples[i] for i in sorted(order.tolist())]


def unseen(
    samples: Sequence[Sample], *, exclude: frozenset[str], seen: frozenset[str] | None
) -> tuple[list[Sample], bool | None]:
    """The rows that the heads were not found on, and True; without any, the others and False.

    All rows and None where `seen` is not known.
    """
    allowed = [s for s in samples if s.row_id not in exclude]
    if not allowed:
        raise InputError(
            f"all {len(samples)} rows are left out of the validation",
            expected="rows that the heads were not found on",
            do="validate on other data",
        )
    if seen is None:
        return allowed, None
    held_out = [s for s in allowed if s.row_id not in seen]
    return (held_out, True) if held_out else (allowed, False)
