"""What a validation compares: its options, the sets of heads, and what each set costs.

sets = head_sets(model, heads, n_random=50, seed=0)
effects = effects_of(engine, rendered, sets.every, BY_UNIFORM, ValidationOptions(), no_progress)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from workbench.ablation import Ablation, SetEffects, set_effects
from workbench.circuits.random_sets import layer_matched_sets
from workbench.data import batches_by_length
from workbench.engines import Engine
from workbench.models import Model, Rendered
from workbench.types import Head, HeadScores, Progress

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
    """The five named sets and the random ones, as rows of every measurement."""

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
    return HeadSets({name: chosen[name] for name in NAMED}, tuple(random), every)


def effects_of(
    engine: Engine,
    rendered: Sequence[Rendered],
    sets: Sequence[tuple[Head, ...]],
    ablation: Ablation,
    options: ValidationOptions,
    on_progress: Progress,
) -> SetEffects:
    lengths = [len(r.ids) for r in rendered]
    batches = batches_by_length(lengths, max_tokens=options.batch_tokens)
    return set_effects(
        engine, rendered, sets, batches=batches, ablation=ablation, on_progress=on_progress
    )
