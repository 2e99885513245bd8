"""Random circuits with the same number of heads in each layer: the control no paper has.

sets = layer_matched_sets(circuit.heads, n_heads=8, n_sets=50, seed=0)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from workbench.errors import InputError
from workbench.types import Head


def layer_matched_sets(
    heads: Sequence[Head], *, n_heads: int, n_sets: int, seed: int
) -> list[tuple[Head, ...]]:
    """`n_sets` draws of as many heads from the same layers, uniformly, never the circuit itself."""
    per_layer = sorted(Counter(head.layer for head in heads).items())
    if all(count == n_heads for _, count in per_layer):
        raise InputError(
            "the circuit fills its layers, so there is no other set with the same layer counts",
            do="validate a smaller circuit (--fraction)",
        )
    rng = np.random.default_rng(seed)
    circuit, sets = frozenset(heads), []
    while len(sets) < n_sets:
        drawn = tuple(
            Head(layer, int(head))
            for layer, count in per_layer
            for head in sorted(rng.choice(n_heads, size=count, replace=False))
        )
        if frozenset(drawn) != circuit:
            sets.append(drawn)
    return sets
