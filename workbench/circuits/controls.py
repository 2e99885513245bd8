"""The knock-outs of a validation on other data: is the circuit special to the problems?

options = ValidationOptions(n_random=5, decode_n=0, curve_n=0)
report = validate_circuit(engine, heads, held_out, controls={"other": held_out}, options=options)
report["controls"][0]["specificity"]      # in nats a token, with its interval
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64

from workbench.ablation import KINDS, SetEffects, preparation
from workbench.circuits.effects import excess_difference, relative_rise
from workbench.circuits.knockouts import (
    FIRST_RANDOM,
    NAMED,
    HeadSets,
    ValidationOptions,
    effects_of,
)
from workbench.circuits.pieces import Share
from workbench.models import Model
from workbench.probe import no_control, usable_samples
from workbench.types import Sample


def on_control(
    share: Share,
    series: str,
    model: Model,
    name: str,
    samples: Sequence[Sample],
    problems: SetEffects,
    sets: HeadSets,
    options: ValidationOptions,
) -> dict[str, Any]:
    """The same knock-outs on other data: is the circuit special to the problems?"""
    left_out: Counter[str] = Counter()
    rendered = list(usable_samples(model, samples, left_out=left_out).values())
    if not rendered:
        raise no_control(left_out, name)
    chosen = [*sets.named.values(), *sets.random[: options.control_random]]
    ablation = preparation(KINDS[options.ablation], rendered, seed=options.seed)
    losses = effects_of(share, series, rendered, chosen, ablation, options.batch_tokens).loss
    means = dict(zip(NAMED, losses.mean(axis=1).tolist(), strict=False))
    random = losses[FIRST_RANDOM:].mean(axis=1).tolist()
    return {
        "data": name,
        "n_samples": len(rendered),
        "left_out": dict(sorted(left_out.items())),
        **{f"{which}_loss": means[which] for which in NAMED},
        "random_loss": random,
        "random_mean_loss": float(np.mean(random)) if random else None,
        "relative_rise": relative_rise(losses[0], losses[1]),
        "problem_rise": relative_rise(problems.loss[0], problems.loss[1]),
        "specificity": excess_difference(
            *(_excess(of, n_random=options.control_random) for of in (problems.loss, losses)),
            seed=options.seed,
        ),
    }


def _excess(
    losses: Float64[np.ndarray, "set sample"], *, n_random: int
) -> Float64[np.ndarray, " sample"]:
    """The circuit's cost on each sample less the mean cost of the first random sets."""
    return losses[1] - losses[FIRST_RANDOM:][:n_random].mean(axis=0)
