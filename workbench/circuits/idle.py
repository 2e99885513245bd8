"""What a validation says of idle heads: the circuit at its mean outputs, and without them.

sets = head_sets(model, heads, n_random=5, seed=0)
facts_of_circuit(heads, sets)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.ablation import MEAN, Preparation, SetEffects, preparation
from workbench.circuits.effects import set_effect
from workbench.circuits.knockouts import HeadSets, ValidationOptions, effects_of
from workbench.circuits.pieces import Share
from workbench.models import Rendered
from workbench.types import Head, HeadScores


def facts_of_circuit(heads: HeadScores, sets: HeadSets) -> list[dict[str, Any]] | None:
    """What is known of each head of the circuit, in its order; None of heads of before."""
    known = {Head(h.layer, h.head): h for h in heads.heads}
    circuit = [known[head] for head in sets.named["circuit"]]
    if all(h.contribution is None for h in circuit):
        return None
    return [
        {"contribution": h.contribution, "sink_share": h.sink_share, "idle": h.idle}
        for h in circuit
    ]


def by_contribution(
    share: Share,
    rendered: Sequence[Rendered],
    sets: HeadSets,
    options: ValidationOptions,
) -> dict[str, Any]:
    """What the circuit costs against random sets with outputs at their mean, in nats a token.

    Against the first `mean_random` sets: 20 are the fewest of which p can fall below 0.05.
    """
    by_mean = preparation(MEAN, rendered, seed=options.seed)
    chosen = [(), sets.named["circuit"], *sets.random[: options.mean_random]]
    loss = effects_of(share, "contribution", rendered, chosen, by_mean, options.batch_tokens).loss
    costs = loss - loss[0]
    return {**set_effect(costs[1], costs[2:], seed=options.seed), "n_random": len(costs) - 2}


def without_idle(
    share: Share,
    rendered: Sequence[Rendered],
    heads: HeadScores,
    sets: HeadSets,
    ablation: Preparation,
    options: ValidationOptions,
    effects: SetEffects,
) -> dict[str, Any] | None:
    """The circuit without its idle heads, and these alone; None where no head is known to be idle.

    Costs in nats a token beyond the unchanged model.
    """
    idle = {Head(h.layer, h.head) for h in heads.heads if h.selected and h.idle}
    if not idle:
        return None
    circuit = sets.named["circuit"]
    parts = [tuple(h for h in circuit if h not in idle), tuple(h for h in circuit if h in idle)]
    loss = effects_of(share, "without-idle", rendered, parts, ablation, options.batch_tokens).loss
    costs = (loss.mean(axis=1) - effects.loss[0].mean()).tolist()
    return {"n_idle": len(idle), "cost": costs[0], "idle_cost": costs[1]}
