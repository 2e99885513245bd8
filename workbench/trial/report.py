"""What the arms came to: means, paired differences, and in words which selection beat random.

report = trial_report(arms, measured)
report["verdict"], report["beat"]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Float64

from workbench.trial.arms import LENGTHS, POOL, RANDOM, SELECTION, Arm
from workbench.trial.effects import Effect, paired_effect
from workbench.trial.verdict import BETTER, NOT_JUDGED, SAME, WORSE, sentences

LOSS, ACCURACY = "loss", "accuracy"
BY_SEED = Float64[np.ndarray, "seed problem"]


@dataclass(frozen=True)
class Measured:
    """Loss and right answers (0 or 1) by arm; `untuned` are those of the model before, one row.

    `right` is empty where nothing was answered. `tasks` are by measure and arm; of those in
    `falling`, as of the loss, less is better.
    """

    losses: Mapping[str, BY_SEED]
    right: Mapping[str, Float64[np.ndarray, "seed answer"]]
    untuned: Mapping[str, Float64[np.ndarray, "1 _"]]
    tasks: Mapping[str, Mapping[str, BY_SEED]] = field(default_factory=dict)
    falling: frozenset[str] = frozenset()

    def of(self, measure: str) -> Mapping[str, BY_SEED]:
        return {LOSS: self.losses, ACCURACY: self.right, **self.tasks}[measure]

    @property
    def measures(self) -> list[str]:
        return [LOSS, *([ACCURACY] if self.right else []), *self.tasks]

    def is_falling(self, measure: str) -> bool:
        return measure == LOSS or measure in self.falling


def trial_report(arms: Sequence[Arm], measured: Measured) -> dict[str, Any]:
    """Arms, comparisons and the verdict, JSON-ready; `beat` are the selections that beat random."""
    compared = [
        _comparison(measured, measure, a, b)
        for measure in measured.measures
        for a, b in _pairs(arms)
    ]
    selections = [arm.name for arm in arms if arm.kind == SELECTION]
    beat = [
        one["arm"]
        for one in compared
        if one["arm"] in selections
        and one["against"] == RANDOM
        and one["measure"] == LOSS
        and one["says"] == BETTER
    ]
    return {
        "arms": [_arm(arm, measured) for arm in arms],
        "untuned": {name: float(rows.mean()) for name, rows in measured.untuned.items()},
        "comparisons": compared,
        "tasks": {name: {"lower_is_better": name in measured.falling} for name in measured.tasks},
        "beat": beat,
        "verdict": sentences(selections, compared, beat, tasks=list(measured.tasks)),
    }


def _pairs(arms: Sequence[Arm]) -> list[tuple[str, str]]:
    """Selections against random rows and their lengths, controls, selections among each other."""
    names = [arm.name for arm in arms if arm.kind == SELECTION]
    lengths = [arm for arm in arms if arm.kind == LENGTHS]
    return [
        *((name, RANDOM) for name in names),
        *((control.of, control.name) for control in lengths),
        *((control.name, RANDOM) for control in lengths),
        (POOL, RANDOM),
        *combinations(names, 2),
    ]


def _arm(arm: Arm, measured: Measured) -> dict[str, Any]:
    found: dict[str, Any] = {"name": arm.name, "kind": arm.kind, "of": arm.of}
    for measure in measured.measures:
        by_seed = measured.of(measure)[arm.name].mean(axis=1)
        found |= {measure: float(by_seed.mean()), f"{measure}_by_seed": by_seed.tolist()}
    return found


def _comparison(measured: Measured, measure: str, arm: str, against: str) -> dict[str, Any]:
    rows = measured.of(measure)
    effect = paired_effect(rows[arm], rows[against])
    return {
        "measure": measure,
        "arm": arm,
        "against": against,
        "difference": effect.mean,
        "low": effect.low,
        "high": effect.high,
        "says": _says(effect, lower_is_better=measured.is_falling(measure)),
    }


def _says(effect: Effect, *, lower_is_better: bool) -> str:
    if effect.low is None:
        return NOT_JUDGED
    if not (effect.is_below or effect.is_above):
        return SAME
    return BETTER if effect.is_below == lower_is_better else WORSE
