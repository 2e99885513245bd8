"""Does the circuit matter more than any other heads of the same layers?

report = validate_circuit(model, circuit, held_out, control=plain_text, n_random=50)
report["circuit"]["accuracy"], report["random"]["accuracy"], report["p_accuracy"]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64

from workbench.ablation import set_effects
from workbench.circuits.random_sets import layer_matched_sets
from workbench.data import batches_by_length
from workbench.errors import InputError
from workbench.models import Model
from workbench.probe import usable_samples
from workbench.types import Head, HeadScores, Progress, Sample, no_progress


def validate_circuit(
    model: Model,
    heads: HeadScores,
    samples: Sequence[Sample],
    *,
    control: Sequence[Sample] = (),
    n_random: int = 50,
    seed: int = 0,
    batch_tokens: int = 2048,
    on_progress: Progress = no_progress,
) -> dict[str, Any]:
    """Loss and exactness with the circuit uniform, against random sets, bottom heads, all heads.

    `accuracy` is the share of samples whose given solution greedy decoding reproduces word for
    word. Random sets have as many heads in the same layers; p-values are one-sided,
    `(1 + #{random at least as costly}) / (1 + n_random)`. With `control` (plain text) the loss
    under the same knock-outs says whether the circuit is special to reasoning.
    """
    circuit, bottom = _ranked(heads, selected=True), _ranked(heads, selected=False)
    random = layer_matched_sets(circuit, n_heads=model.n_heads, n_sets=n_random, seed=seed)
    every = tuple(Head(h.layer, h.head) for h in heads.heads)
    sets = [(), circuit, bottom, every, *random]
    rendered = list(usable_samples(model, samples).values())
    if not rendered:
        raise InputError(
            f"none of the {len(samples)} rows can be validated on",
            expected="rows with a solution that fit the model's context",
        )
    batches = batches_by_length([len(r.ids) for r in rendered], max_tokens=batch_tokens)
    effects = set_effects(model, rendered, sets, batches=batches, on_progress=on_progress)
    loss, exact = effects.loss.mean(axis=1), effects.exact.mean(axis=1)
    report: dict[str, Any] = {
        "schema": 1,
        "n_samples": len(rendered),
        "heads": [list(h) for h in circuit],
        "n_random": n_random,
        "seed": seed,
        "base": _measures(loss[0], exact[0]),
        "circuit": _measures(loss[1], exact[1]),
        "bottom": _measures(loss[2], exact[2]),
        "all": _measures(loss[3], exact[3]),
        "random": {
            "loss": loss[4:].tolist(),
            "accuracy": exact[4:].tolist(),
            "mean_loss": float(loss[4:].mean()),
            "mean_accuracy": float(exact[4:].mean()),
        },
        "p_loss": p_value(loss[1] - loss[0], loss[4:] - loss[0]),
        "p_accuracy": p_value(exact[0] - exact[1], exact[0] - exact[4:]),
    }
    report["accuracy_cost_ratio"] = _ratio(exact[0] - exact[1], exact[0] - exact[4:].mean())
    if control:
        report["control"] = _control(model, control, sets, batch_tokens)
    report["verdict"] = verdict(report)
    return report


def p_value(cost: float, random_costs: Float64[np.ndarray, " set"]) -> float:
    """Share of the draws, the circuit itself counted in, that cost at least as much."""
    return float((1 + np.sum(random_costs >= cost)) / (1 + len(random_costs)))


def verdict(report: dict[str, Any]) -> str:
    """What the figures say in words, and what they do not prove."""
    base, circuit, random = report["base"], report["circuit"], report["random"]
    lost, lost_random = (
        base["accuracy"] - circuit["accuracy"],
        base["accuracy"] - random["mean_accuracy"],
    )
    if base["accuracy"] == 0:
        measure, p = "loss", report["p_loss"]
    else:
        measure, p = "accuracy", report["p_accuracy"]
    figures = (
        f"Making the circuit uniform costs {lost:.0%} of all answers, "
        f"{report['n_random']} random sets of the same layers cost {lost_random:.0%} on average "
        f"(p = {p:.3f} by {measure})."
    )
    if p < 0.05:
        claim = "These heads matter more than others of their layers on this data."
        limit = "It does not show that they do nothing else, nor that they suffice."
    else:
        claim = "No sign that these heads matter more than others of their layers."
        limit = "A larger probe or more samples may still show it."
    return f"{figures} {claim} {limit}"


def _ranked(heads: HeadScores, *, selected: bool) -> tuple[Head, ...]:
    """The circuit, or as many heads from the other end of the ranking."""
    ordered = sorted(heads.heads, key=lambda h: h.rank)
    n_top = sum(h.selected for h in ordered)
    chosen = [h for h in ordered if h.selected] if selected else ordered[-n_top:]
    return tuple(Head(h.layer, h.head) for h in chosen)


def _measures(loss: float, accuracy: float) -> dict[str, float]:
    return {"loss": float(loss), "accuracy": float(accuracy)}


def _ratio(cost: float, random_cost: float) -> float | None:
    return float(cost / random_cost) if random_cost > 0 else None


def _control(
    model: Model, control: Sequence[Sample], sets: Sequence[Sequence[Head]], batch_tokens: int
) -> dict[str, Any]:
    rendered = list(usable_samples(model, control).values())
    if not rendered:
        raise InputError(
            f"none of the {len(control)} control rows can be used",
            expected="plain text that fits the model's context",
        )
    batches = batches_by_length([len(r.ids) for r in rendered], max_tokens=batch_tokens)
    loss = set_effects(model, rendered, sets, batches=batches, part="all").loss.mean(axis=1)
    return {
        "n_samples": len(rendered),
        "base_loss": float(loss[0]),
        "circuit_loss": float(loss[1]),
        "random_mean_loss": float(loss[4:].mean()),
    }
