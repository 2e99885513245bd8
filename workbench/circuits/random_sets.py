"""Random circuits with the same number of heads in each layer: the control no paper has.

sets = layer_matched_sets(circuit.heads, n_heads=8, n_sets=50, seed=0)
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import combinations, product

import numpy as np

from workbench.errors import InputError
from workbench.types import Head

# Among this many times as many sets as are drawn a set drawn twice changes nothing.
PLENTY = 10


def layer_matched_sets(
    heads: Sequence[Head], *, n_heads: int, n_sets: int, seed: int
) -> list[tuple[Head, ...]]:
    """`n_sets` draws of as many heads from the same layers, uniformly, never the circuit itself.

    Where there are few such sets none is drawn twice, and where there are no more than `n_sets` all
    of them are returned: the circuit's rank among them is then exact.
    """
    per_layer = sorted(Counter(head.layer for head in heads).items())
    n_others = math.prod(math.comb(n_heads, count) for _, count in per_layer) - 1
    if not n_others:
        raise InputError(
            "the circuit fills its layers, so there is no other set with the same layer counts",
            do="validate a smaller circuit (--fraction)",
        )
    circuit = frozenset(heads)
    if n_others <= n_sets:
        of_layers = [
            list(combinations([Head(layer, head) for head in range(n_heads)], count))
            for layer, count in per_layer
        ]
        every = (sum(parts, ()) for parts in product(*of_layers))
        return [drawn for drawn in every if frozenset(drawn) != circuit]
    rng = np.random.default_rng(seed)
    sets, met = [], {circuit}
    while len(sets) < n_sets:
        drawn = tuple(
            Head(layer, int(head))
            for layer, count in per_layer
            for head in sorted(rng.choice(n_heads, size=count, replace=False))
        )
        if frozenset(drawn) not in met:
            sets.append(drawn)
            if n_others < PLENTY * n_sets:
                met.add(frozenset(drawn))
    return sets
