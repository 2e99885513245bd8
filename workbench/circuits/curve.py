"""The cumulative knock-out: the top 1, 2, 3 ... heads ablated, against heads in random order.

plan = knockout_sets(ranked, n_circuit=3, n_orders=3, seed=0)
curve = knockout_curve(done_here(engine), rendered, plan, UNIFORMLY, batch_tokens=2048)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.ablation import Preparation
from workbench.circuits.knockouts import effects_of
from workbench.circuits.pieces import Share
from workbench.models import Rendered
from workbench.types import Head

MOST_POINTS = 8


@dataclass(frozen=True)
class KnockoutSets:
    """`sizes` of the sets; `orders[0]` by rank, the others random; a set is a prefix of one."""

    sizes: tuple[int, ...]
    orders: tuple[tuple[Head, ...], ...]

    @property
    def sets(self) -> list[tuple[Head, ...]]:
        return [order[:size] for order in self.orders for size in self.sizes]


def knockout_sets(
    ranked: Sequence[Head], *, n_circuit: int, n_orders: int, seed: int
) -> KnockoutSets:
    """Up to twice the circuit, or as many as there are points if that is more.

    At most eight sizes, the circuit's own among them: each is a pass for every order.
    """
    n_most = min(len(ranked), max(2 * n_circuit, MOST_POINTS))
    sizes = {round(size) for size in np.linspace(1, n_most, min(n_most, MOST_POINTS))}
    if n_circuit not in sizes:
        nearest = min(sizes - {1, n_most} or sizes, key=lambda size: abs(size - n_circuit))
        sizes = (sizes - {nearest}) | {n_circuit}
    rng = np.random.default_rng(seed)
    shuffled = [rng.permutation(len(ranked)) for _ in range(n_orders)]
    orders = [tuple(ranked), *(tuple(ranked[i] for i in order) for order in shuffled)]
    return KnockoutSets(tuple(sorted(sizes)), tuple(orders))


def knockout_curve(
    share: Share,
    rendered: Sequence[Rendered],
    plan: KnockoutSets,
    ablation: Preparation,
    *,
    batch_tokens: int,
) -> dict[str, Any]:
    """Loss and share of exact solutions by the number of heads ablated, by rank and random."""
    effects = effects_of(share, "curve", rendered, [(), *plan.sets], ablation, batch_tokens)
    curve: dict[str, Any] = {"n_samples": len(rendered), "n_heads": list(plan.sizes)}
    for name, values in (("loss", effects.loss), ("exact", effects.exact)):
        base, *rest = values.mean(axis=1).tolist()
        by_order = np.reshape(rest, (len(plan.orders), len(plan.sizes))).tolist()
        curve |= {f"base_{name}": base, name: by_order[0], f"random_{name}": by_order[1:]}
    return curve
