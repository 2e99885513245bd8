"""The parts of a model that can be amplified, and sets of them: heads by projection, and neurons.

Under grouped-query attention several query heads share one key and one value head, so these are
counted on their own.

    kept = components({"query": [(2, 5)], "neuron": [(3, 17)]})
    kept.share(shape)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from workbench.errors import InputError

KINDS = ("query", "key", "value", "neuron")
Place = tuple[int, int]
"""Layer, and head or neuron within it."""


@dataclass(frozen=True)
class ModelShape:
    """How many components there are, and how wide a head is."""

    n_layers: int
    n_heads: int
    n_key_value_heads: int
    d_head: int
    d_mlp: int

    def per_layer(self, kind: str) -> int:
        """Components of one kind in a layer."""
        sizes = (self.n_heads, self.n_key_value_heads, self.n_key_value_heads, self.d_mlp)
        return sizes[KINDS.index(kind)]

    def total(self, kind: str) -> int:
        return self.n_layers * self.per_layer(kind)

    @property
    def n_components(self) -> int:
        return sum(self.total(kind) for kind in KINDS)


@dataclass(frozen=True)
class Components:
    """A set of components; kinds that are not named have none."""

    places: Mapping[str, frozenset[Place]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        unknown = set(self.places) - set(KINDS)
        if unknown:
            raise InputError(
                f"the components are of kind {min(unknown)}", expected=f"one of {', '.join(KINDS)}"
            )

    def of(self, kind: str) -> list[Place]:
        """The components of one kind, sorted."""
        return sorted(self.places.get(kind, ()))

    def counts(self) -> dict[str, int]:
        return {kind: len(self.places.get(kind, ())) for kind in KINDS}

    def __len__(self) -> int:
        return sum(self.counts().values())

    def share(self, shape: ModelShape) -> float:
        """Of all components of the model."""
        return len(self) / shape.n_components

    def overlap(self, other: Components) -> float:
        """Components in both over components in either (Jaccard); 1 for two empty sets."""
        mine, theirs = ({(k, *p) for k in KINDS for p in c.of(k)} for c in (self, other))
        return len(mine & theirs) / len(mine | theirs) if mine | theirs else 1.0

    def to_json(self) -> dict[str, list[list[int]]]:
        return {kind: [list(place) for place in self.of(kind)] for kind in KINDS}


def components(places: Mapping[str, Iterable[Iterable[int]]]) -> Components:
    """From lists of `[layer, index]`, as `mask.json` has them."""
    found: dict[str, frozenset[Place]] = {}
    for kind, some in places.items():
        pairs = [tuple(int(i) for i in place) for place in some]
        if any(len(pair) != 2 for pair in pairs):
            raise InputError(f"a {kind} component is not a layer and an index")
        found[kind] = frozenset((pair[0], pair[1]) for pair in pairs)
    return Components(found)


def check_components(chosen: Components, shape: ModelShape) -> None:
    """Raise InputError for a component that a model of this shape does not have."""
    for kind in KINDS:
        for layer, index in chosen.of(kind):
            if not (0 <= layer < shape.n_layers and 0 <= index < shape.per_layer(kind)):
                raise InputError(
                    f"the model has no {kind} component {layer}.{index}",
                    expected=f"layer 0 to {shape.n_layers - 1} and "
                    f"{kind} 0 to {shape.per_layer(kind) - 1}",
                    do="use a mask that was found on this model",
                )


def every_component(shape: ModelShape) -> Components:
    """All of them: the update without mask."""
    return Components(
        {
            kind: frozenset(
                (layer, index)
                for layer in range(shape.n_layers)
                for index in range(shape.per_layer(kind))
            )
            for kind in KINDS
        }
    )


def random_components(like: Components, shape: ModelShape, *, seed: int) -> Components:
    """As many of each kind as `like` has, drawn from all layers alike: the control."""
    rng = np.random.default_rng([seed, 2512, 16914])
    drawn = {}
    for kind, count in like.counts().items():
        chosen = rng.choice(shape.total(kind), size=count, replace=False)
        drawn[kind] = frozenset(
            (int(i) // shape.per_layer(kind), int(i) % shape.per_layer(kind)) for i in chosen
        )
    return Components(drawn)
