"""What a validation compares: its options, the sets of heads, and what each set costs.

sets = head_sets(model, heads, n_random=50, seed=0)
effects = effects_of(done_here(engine), "loss", rendered, sets.every, UNIFORMLY, 2048)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa

from workbench.ablation import Preparation, SetEffects, set_effects
from workbench.circuits.pieces import Share
from workbench.circuits.random_sets import layer_matched_sets
from workbench.data import batches_by_length
from workbench.engines import Engine
from workbench.models import Model, Rendered
from workbench.types import Head, HeadScores

NAMED = ("base", "circuit", "bottom", "all", "only")
FIRST_RANDOM = len(NAMED)


@dataclass(frozen=True)
class ValidationOptions:
    """How much is spent: `n_random` sets, `decode_n` problems decoded under each of all sets.

    `curve_n` samples and `curve_orders` random orders for the cumulative knock-out,
    `control_random` random sets on the controls; 0 leaves the part out. `mean_random` of the random
    sets are measured with outputs at their mean as well. `max_new_tokens` of a
    decoded answer: None takes a quarter more than the longest given or own answer. `ablation` names
    the kind that heads are taken away by.
    """

    n_random: int = 50
    seed: int = 0
    decode_n: int = 20
    max_new_tokens: int | None = None
    curve_n: int = 40
    curve_orders: int = 3
    control_random: int = 10
    mean_random: int = 20
    batch_tokens: int = 2048
    ablation: str = "uniform"


DEFAULTS = ValidationOptions()


@dataclass(frozen=True)
class HeadSets:
    """The five named sets and the random ones, as rows of every measurement.

    `ranked` are all heads: those of the circuit, then the others, each by rank.
    """

    named: Mapping[str, tuple[Head, ...]]
    random: tuple[tuple[Head, ...], ...]
    ranked: tuple[Head, ...]

    @property
    def every(self) -> list[tuple[Head, ...]]:
        return [*self.named.values(), *self.random]


def head_sets(model: Model, heads: HeadScores, *, n_random: int, seed: int) -> HeadSets:
    """The sets that are compared; InputError where the circuit leaves no other set to draw."""
    ordered = sorted(heads.heads, key=lambda h: h.rank)
    every = tuple(Head(h.layer, h.head) for h in ordered)
    circuit = tuple(Head(h.layer, h.head) for h in ordered if h.selected)
    random = layer_matched_sets(circuit, n_heads=model.n_heads, n_sets=n_random, seed=seed)
    # By contrast the last heads are those that other text needs most, so they go by the delta.
    by_delta = sorted(ordered, key=lambda h: (-h.delta, h.rank))
    chosen = {
        "base": (),
        "circuit": circuit,
        "bottom": tuple(Head(h.layer, h.head) for h in by_delta[-len(circuit) :]),
        "all": every,
        "only": tuple(head for head in every if head not in set(circuit)),
    }
    ranked = (*circuit, *chosen["only"])
    return HeadSets({name: chosen[name] for name in NAMED}, tuple(random), ranked)


def effects_of(
    share: Share,
    series: str,
    rendered: Sequence[Rendered],
    sets: Sequence[Sequence[Head]],
    ablation: Preparation,
    batch_tokens: int,
) -> SetEffects:
    """Each of `sets` on every sample; a piece is a batch of samples under all of them."""
    batches = batches_by_length([len(r.ids) for r in rendered], max_tokens=batch_tokens)
    pieces = [
        (
            f"{len(sets)} sets on {len(batch)} samples",
            partial(_effects, [rendered[i] for i in batch], sets, ablation),
        )
        for batch in batches
    ]
    loss = np.empty((len(sets), len(rendered)))
    exact = np.empty((len(sets), len(rendered)), dtype=bool)
    for batch, table in zip(batches, share(series, pieces), strict=True):
        loss[:, batch] = np.array(table["loss"].to_pylist()).T
        exact[:, batch] = np.array(table["exact"].to_pylist()).T
    return SetEffects(loss, exact)


def _effects(
    rendered: Sequence[Rendered],
    sets: Sequence[Sequence[Head]],
    ablation: Preparation,
    engine: Engine,
) -> pa.Table:
    """A row a sample, in it a value a set."""
    batches = [range(len(rendered))]
    found = set_effects(engine, rendered, sets, batches=batches, ablation=ablation(engine))
    return pa.table({"loss": found.loss.T.tolist(), "exact": found.exact.T.tolist()})
