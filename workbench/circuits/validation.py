"""Does the circuit matter more than any other heads of the same layers?

options = ValidationOptions(n_random=5, decode_n=0, curve_n=0)
report = validate_circuit(engine, heads, held_out, options=options)
report["circuit"]["loss"], report["random"]["loss"], report["effect"]["loss"]["p"]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64

from workbench.ablation import KINDS, MEAN, Ablation, SetEffects, prepare, set_effects
from workbench.circuits.answering import Answered, answerable, answers_right
from workbench.circuits.contrast import Importance
from workbench.circuits.curve import knockout_curve, knockout_sets
from workbench.circuits.effects import excess_difference, relative_rise, set_effect
from workbench.circuits.random_sets import layer_matched_sets
from workbench.circuits.stability import probe_stability
from workbench.circuits.verdict import LEVEL, trusted_measure, verdict
from workbench.data import batches_by_length, checker
from workbench.engines import Engine
from workbench.errors import InputError
from workbench.models import Model, Rendered
from workbench.probe import usable_samples
from workbench.types import Head, HeadScores, Progress, Sample, no_progress

SCHEMA = 2
NAMED = ("base", "circuit", "bottom", "all", "only")
FIRST_RANDOM = len(NAMED)


@dataclass(frozen=True)
class ValidationOptions:
    """How much is spent: `n_random` sets, `decode_n` problems decoded under each of all sets.

    `curve_n` samples and `curve_orders` random orders for the cumulative knock-out,
    `control_random` random sets on the controls; 0 leaves the part out. `max_new_tokens` of a
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
    batch_tokens: int = 2048
    ablation: str = "uniform"


@dataclass(frozen=True)
class HeadSets:
    """The five named sets and the random ones, as rows of every measurement."""

    named: Mapping[str, tuple[Head, ...]]
    random: tuple[tuple[Head, ...], ...]
    ranked: tuple[Head, ...]

    @property
    def every(self) -> list[tuple[Head, ...]]:
        return [*self.named.values(), *self.random]


def validate_circuit(
    engine: Engine,
    heads: HeadScores,
    samples: Sequence[Sample],
    *,
    controls: Mapping[str, Sequence[Sample]] | None = None,
    importance: tuple[Importance | None, Importance | None] = (None, None),
    held_out: bool | None = True,
    options: ValidationOptions = ValidationOptions(),
    on_progress: Progress = no_progress,
) -> dict[str, Any]:
    """The content of `validation.json`: what making sets of heads uniform costs on `samples`.

    Sets: the circuit; random sets with as many heads in the same layers; the bottom heads; all;
    all but the circuit (`only`); none (`base`). Measures: `loss` in nats a token; `exact`, the
    share of given solutions that greedy decoding would reproduce word for word (teacher-forced);
    `accuracy`, the share of decoded answers that are right, None where nothing was decoded. Costs
    of the circuit and of random sets are compared in `effect`; `controls` (name to samples) get the
    same knock-outs; `importance` on the probe and its control gives `stability`; `held_out` says
    whether the heads were found on other samples than these (None: not known).
    """
    controls, model = controls or {}, engine.model
    sets = head_sets(model, heads, n_random=options.n_random, seed=options.seed)
    left_out: Counter[str] = Counter()
    usable = usable_samples(model, samples, left_out=left_out)
    if not usable:
        raise InputError(
            f"none of the {len(samples)} rows can be validated on",
            expected="rows with a solution that fit the model's context",
        )
    rendered = list(usable.values())
    ablation = prepare(engine, KINDS[options.ablation], rendered, seed=options.seed)
    effects = _effects(engine, rendered, sets.every, ablation, options, on_progress)
    answered = _answered(engine, usable, samples, sets, ablation, options, on_progress)
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
        "head_facts": _head_facts(heads, sets),
        "n_random": len(sets.random),
        "seed": options.seed,
        **_measures(effects, answered),
        "effect": _comparisons(effects, answered, options.seed),
        "controls": [
            _control(engine, name, rows, effects, sets, options, on_progress)
            for name, rows in controls.items()
        ],
        "contribution": _contribution(engine, rendered, sets, options, on_progress),
        "without_idle": _without_idle(engine, rendered, heads, sets, ablation, options, effects),
        "curve": _curve(engine, rendered, sets, ablation, options, on_progress),
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


def _effects(
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


def _head_facts(heads: HeadScores, sets: HeadSets) -> list[dict[str, Any]] | None:
    """What is known of each head of the circuit, in its order; None of heads of before."""
    known = {Head(h.layer, h.head): h for h in heads.heads}
    circuit = [known[head] for head in sets.named["circuit"]]
    if all(h.contribution is None for h in circuit):
        return None
    return [
        {"contribution": h.contribution, "sink_share": h.sink_share, "idle": h.idle}
        for h in circuit
    ]


def _contribution(
    engine: Engine,
    rendered: Sequence[Rendered],
    sets: HeadSets,
    options: ValidationOptions,
    on_progress: Progress,
) -> dict[str, Any]:
    """What the circuit costs against random sets with outputs at their mean, in nats a token."""
    by_mean = prepare(engine, MEAN, rendered, seed=options.seed)
    chosen = [(), sets.named["circuit"], *sets.random[: options.control_random]]
    loss = _effects(engine, rendered, chosen, by_mean, options, on_progress).loss
    costs = loss - loss[0]
    return set_effect(costs[1], costs[2:], seed=options.seed)


def _without_idle(
    engine: Engine,
    rendered: Sequence[Rendered],
    heads: HeadScores,
    sets: HeadSets,
    ablation: Ablation,
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
    loss = _effects(engine, rendered, parts, ablation, options, no_progress).loss
    costs = (loss.mean(axis=1) - effects.loss[0].mean()).tolist()
    return {"n_idle": len(idle), "cost": costs[0], "idle_cost": costs[1]}


def _answered(
    engine: Engine,
    usable: Mapping[int, Rendered],
    samples: Sequence[Sample],
    sets: HeadSets,
    ablation: Ablation,
    options: ValidationOptions,
    on_progress: Progress,
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
        on_progress=on_progress,
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


def _control(
    engine: Engine,
    name: str,
    samples: Sequence[Sample],
    problems: SetEffects,
    sets: HeadSets,
    options: ValidationOptions,
    on_progress: Progress,
) -> dict[str, Any]:
    """The same knock-outs on other data: is the circuit special to the problems?"""
    left_out: Counter[str] = Counter()
    rendered = list(usable_samples(engine.model, samples, left_out=left_out).values())
    if not rendered:
        raise InputError(
            f"none of the {len(samples)} control rows of '{name}' can be used",
            expected="text that fits the model's context",
        )
    chosen = [*sets.named.values(), *sets.random[: options.control_random]]
    ablation = prepare(engine, KINDS[options.ablation], rendered, seed=options.seed)
    losses = _effects(engine, rendered, chosen, ablation, options, on_progress).loss
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


def _curve(
    engine: Engine,
    rendered: Sequence[Rendered],
    sets: HeadSets,
    ablation: Ablation,
    options: ValidationOptions,
    on_progress: Progress,
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
        engine,
        rendered[: options.curve_n],
        plan,
        batch_tokens=options.batch_tokens,
        ablation=ablation,
        on_progress=on_progress,
    )


def _stability(
    heads: HeadScores, importance: tuple[Importance | None, Importance | None], seed: int
) -> dict[str, Any] | None:
    measured, control = importance
    if measured is None:
        return None
    return probe_stability(
        measured,
        control if heads.rank_by == "contrast" else None,
        n_selected=sum(h.selected for h in heads.heads),
        seed=seed,
    )


def _recovered(report: Mapping[str, Any]) -> float | None:
    """Share of the loss between all heads uniform and none that the circuit alone wins back."""
    gap = report["all"]["loss"] - report["base"]["loss"]
    return (report["all"]["loss"] - report["only"]["loss"]) / gap if gap > 1e-9 else None
