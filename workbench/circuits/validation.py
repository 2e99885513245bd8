"""Does the circuit matter more than any other heads of the same layers?

options = ValidationOptions(n_random=5, decode_n=0, curve_n=0)
report = validate_circuit(engine, heads, held_out, options=options)
report["circuit"]["loss"], report["random"]["loss"], report["effect"]["loss"]["p"]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64

from workbench.ablation import KINDS, Preparation, SetEffects, preparation
from workbench.circuits.answering import Answered, answerable, answers_right
from workbench.circuits.contrast import Importance
from workbench.circuits.controls import on_control
from workbench.circuits.curve import knockout_curve, knockout_sets
from workbench.circuits.effects import set_effect
from workbench.circuits.idle import by_contribution, facts_of_circuit, without_idle
from workbench.circuits.knockouts import (
    DEFAULTS,
    FIRST_RANDOM,
    NAMED,
    HeadSets,
    ValidationOptions,
    effects_of,
    head_sets,
)
from workbench.circuits.pieces import Share, done_here
from workbench.circuits.stability import probe_stability
from workbench.circuits.verdict import LEVEL, trusted_measure, verdict
from workbench.data import checker
from workbench.engines import Engine
from workbench.errors import InputError
from workbench.models import Rendered
from workbench.probe import usable_samples
from workbench.types import HeadScores, Progress, Sample, no_progress

SCHEMA = 2


def validate_circuit(
    engine: Engine,
    heads: HeadScores,
    samples: Sequence[Sample],
    *,
    controls: Mapping[str, Sequence[Sample]] | None = None,
    importance: tuple[Importance | None, Importance | None] = (None, None),
    held_out: bool | None = True,
    options: ValidationOptions = DEFAULTS,
    share: Share | None = None,
    on_progress: Progress = no_progress,
) -> dict[str, Any]:
    """The content of `validation.json`: what making sets of heads uniform costs on `samples`.

    Sets: the circuit; random sets with as many heads in the same layers; the bottom heads; all;
    all but the circuit (`only`); none (`base`). Measures: `loss` in nats a token; `exact`, the
    share of given solutions that greedy decoding would reproduce word for word (teacher-forced);
    `accuracy`, the share of decoded answers that are right, None where nothing was decoded. Costs
    of the circuit and of random sets are compared in `effect`; `controls` (name to samples) get the
    same knock-outs; `importance` on the probe and its control gives `stability`; `held_out` says
    whether the heads were found on other samples than these (None: not known). The passes are run
    by whoever `share` has for them, who then tells of progress; by default on `engine`.
    """
    controls, model = controls or {}, engine.model
    share = share or done_here(engine, on_progress)
    sets = head_sets(model, heads, n_random=options.n_random, seed=options.seed)
    left_out: Counter[str] = Counter()
    usable = usable_samples(model, samples, left_out=left_out)
    if not usable:
        raise InputError(
            f"none of the {len(samples)} rows can be validated on",
            expected="rows with a solution that fit the model's context",
        )
    rendered = list(usable.values())
    ablation = preparation(KINDS[options.ablation], rendered, seed=options.seed)
    effects = effects_of(share, "loss", rendered, sets.every, ablation, options.batch_tokens)
    answered = _answered(engine, share, usable, samples, sets, ablation, options)
    report: dict[str, Any] = {
        "schema": SCHEMA,
        "n_samples": len(rendered),
        "held_out": held_out,
        "left_out": dict(sorted(left_out.items())),
        "n_decoded": answered.right.shape[1] if answered else 0,
        "max_new_tokens": answered.max_new_tokens if answered else None,
        "checker": checker() if answered else None,
        "heads": [list(h) for h in sets.named["circuit"]],
        "rank_by": heads.rank_by,
        "ablation": options.ablation,
        "head_facts": facts_of_circuit(heads, sets),
        "n_random": len(sets.random),
        "seed": options.seed,
        **_measures(effects, answered),
        "effect": _comparisons(effects, answered, options.seed),
        "controls": [
            on_control(share, f"control-{number}", model, name, rows, effects, sets, options)
            for number, (name, rows) in enumerate(controls.items())
        ],
        "contribution": by_contribution(share, rendered, sets, options),
        "without_idle": without_idle(share, rendered, heads, sets, ablation, options, effects),
        "curve": _curve(share, rendered, sets, ablation, options),
        "stability": _stability(heads, importance, options.seed),
    }
    report["only"]["recovered"] = _recovered(report)
    for measure, effect in report["effect"].items():
        report[f"p_{measure}"] = effect and effect["p"]
    report["judged_by"], report["judged_because"] = trusted_measure(report)
    report["p"] = report["effect"][report["judged_by"]]["p"]
    report["supported"] = report["p"] < LEVEL
    report["verdict"] = verdict(report)
    return report


def _answered(
    engine: Engine,
    share: Share,
    usable: Mapping[int, Rendered],
    samples: Sequence[Sample],
    sets: HeadSets,
    ablation: Preparation,
    options: ValidationOptions,
) -> Answered | None:
    problems = answerable(usable, samples, n=options.decode_n)
    if not problems:
        return None
    return answers_right(
        engine,
        problems,
        sets.every,
        max_new_tokens=options.max_new_tokens,
        ablation=ablation,
        share=share,
    )


def _measures(effects: SetEffects, answered: Answered | None) -> dict[str, Any]:
    """Loss, exactness and accuracy of each named set, and lists of them for the random ones."""
    means = {name: values.mean(axis=1).tolist() for name, values in _by_name(effects, answered)}
    means.setdefault("accuracy", None)
    report: dict[str, Any] = {
        name: {measure: of and of[row] for measure, of in means.items()}
        for row, name in enumerate(NAMED)
    }
    report["random"] = {measure: of and of[FIRST_RANDOM:] for measure, of in means.items()}
    for measure in means:
        draws = report["random"][measure]
        report["random"][f"mean_{measure}"] = draws and float(np.mean(draws))
    return report


def _by_name(
    effects: SetEffects, answered: Answered | None
) -> list[tuple[str, Float64[np.ndarray, "set sample"] | Bool[np.ndarray, "set sample"]]]:
    measured = [("loss", effects.loss), ("exact", effects.exact)]
    return [*measured, ("accuracy", answered.right)] if answered else measured


def _comparisons(effects: SetEffects, answered: Answered | None, seed: int) -> dict[str, Any]:
    """By each measure what the circuit costs against random sets; a lost answer costs 1."""
    found: dict[str, Any] = {"accuracy": None}
    for name, values in _by_name(effects, answered):
        rows = values.astype(np.float64)
        costs = rows - rows[0] if name == "loss" else rows[0] - rows
        found[name] = set_effect(costs[1], costs[FIRST_RANDOM:], seed=seed)
    return found


def _curve(
    share: Share,
    rendered: Sequence[Rendered],
    sets: HeadSets,
    ablation: Preparation,
    options: ValidationOptions,
) -> dict[str, Any] | None:
    if not options.curve_n:
        return None
    plan = knockout_sets(
        sets.ranked,
        n_circuit=len(sets.named["circuit"]),
        n_orders=options.curve_orders,
        seed=options.seed,
    )
    return knockout_curve(
        share,
        rendered[: options.curve_n],
        plan,
        ablation,
        batch_tokens=options.batch_tokens,
    )


def _stability(
    heads: HeadScores, importance: tuple[Importance | None, Importance | None], seed: int
) -> dict[str, Any] | None:
    """Of the circuit on other probes; None where the deltas alone do not choose it."""
    measured, control = importance
    n_selected = sum(h.selected for h in heads.heads)
    is_cut = all(h.selected == (h.rank <= n_selected) for h in heads.heads)
    if measured is None or heads.rank_by not in ("delta", "contrast") or not is_cut:
        return None
    return probe_stability(
        measured,
        control if heads.rank_by == "contrast" else None,
        n_selected=n_selected,
        seed=seed,
    )


def _recovered(report: Mapping[str, Any]) -> float | None:
    """Share of the loss between all heads uniform and none that the circuit alone wins back."""
    gap = report["all"]["loss"] - report["base"]["loss"]
    return (report["all"]["loss"] - report["only"]["loss"]) / gap if gap > 1e-9 else None
