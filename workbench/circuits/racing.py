"""The top heads by race: few samples for most heads, more for those near the cut.

    work = worker_of(engine, rendered)
    heads = race_heads(engine.model.info, [len(r.ids) for r in rendered], work, RaceOptions())

`race` runs all heads (`workbench.ablation.race`). `screen` takes half-way gradients on the whole
probe first. They nominate a part of the heads, and these race by what the gradients leave open: the
mean delta is the mean estimate and the mean of what deltas exceed estimates by, and the latter is
known from few samples where gradients tell samples apart. That no top head is left out of the
nominated is likely and not guaranteed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Float64

from workbench.ablation import (
    BY_UNIFORM,
    Ablation,
    ImportanceBatch,
    Raced,
    Standing,
    iter_importance,
    iter_screen,
    race,
)
from workbench.circuits.bootstrap import bootstrap_seen, selected_share
from workbench.circuits.heads import ordered_heads
from workbench.circuits.size import n_selected
from workbench.data import batches_by_length
from workbench.engines import Engine
from workbench.models import Rendered
from workbench.options import RaceOptions
from workbench.types import Head, HeadScore, HeadScores, ModelInfo, Progress, no_progress

NOMINATED = 0.25


def n_top_heads(model: ModelInfo, options: RaceOptions) -> int:
    """How many heads win a race, which is how many the circuit has."""
    n_heads = model.n_layers * model.n_heads
    return n_selected(n_heads, options.fraction, min_heads=options.min_heads)


def nominate(guesses: Float[np.ndarray, "layer head"], *, least: int) -> list[int]:
    """Numbers of the quarter of all heads with the largest guesses, and of that of each layer.

    Layer by layer too, because half-way gradients overrate the first layers, whose change every
    later layer hands on. At least `least` heads.
    """
    n_layers, n_heads = guesses.shape
    n_best = max(least, math.ceil(NOMINATED * guesses.size))
    best = np.argsort(-guesses.ravel(), kind="stable")[:n_best]
    of_layers = np.argsort(-guesses, axis=1, kind="stable")[:, : math.ceil(NOMINATED * n_heads)]
    return np.union1d(best, of_layers + n_heads * np.arange(n_layers)[:, None]).tolist()


class Work(NamedTuple):
    """One batch of samples (by place in the probe) and the heads to run on it."""

    batch: tuple[int, ...]
    heads: tuple[Head, ...]
    gradient: bool


Worker = Callable[[Work], ImportanceBatch]


def worker_of(
    engine: Engine,
    rendered: Sequence[Rendered],
    ablation: Ablation = BY_UNIFORM,
    *,
    on_progress: Progress = no_progress,
) -> Worker:
    """Does a piece of work on the engine; gradients know of uniform attention only.

    `on_progress` hears how far each piece is, by layers.
    """

    def work(piece: Work) -> ImportanceBatch:
        where: dict[str, Any] = {"batches": [piece.batch], "heads": piece.heads}
        where["on_progress"] = on_progress
        if piece.gradient:
            (found,) = iter_screen(engine, rendered, **where)
        else:
            (found,) = iter_importance(engine, rendered, ablation=ablation, **where)
        return found

    return work


def race_heads(
    model: ModelInfo,
    lengths: Sequence[int],
    worker: Worker,
    options: RaceOptions,
    *,
    probe: Mapping[str, Any] | None = None,
    on_look: Callable[[Standing], None] = lambda standing: None,
) -> HeadScores:
    """Every head with its delta and interval over the samples it was run on; the winners lead.

    `lengths` are the tokens of the probe's samples. The pieces of work and their order depend on
    what the worker returns and on nothing else, so stored results can answer for it. `on_look` is
    told where the race stands before each look.
    """
    field = _Field(model, lengths, worker, options)
    shape, n_top = (model.n_layers, model.n_heads), n_top_heads(model, options)
    nominated = list(range(math.prod(shape)))
    estimates = np.zeros((len(lengths), len(nominated)))
    if is_screen := options.method == "screen":
        estimates = field.estimates()
        nominated = nominate(estimates.mean(axis=0).reshape(shape), least=2 * n_top)
    beyond_mean = (estimates - estimates.mean(axis=0))[:, nominated]
    raced = race(
        lambda samples, numbers: (
            field.exact(samples, [nominated[i] for i in numbers])
            - beyond_mean[np.ix_(samples, numbers)]
        ),
        n_samples=len(lengths),
        n_heads=len(nominated),
        n_selected=n_top,
        confidence=options.confidence,
        tolerance=options.tolerance,
        first=options.first,
        leaders_whole=is_screen,
        seed=options.seed,
        on_look=on_look,
    )
    deltas = np.full(estimates.shape, np.nan)
    deltas[:, nominated] = raced.deltas + beyond_mean
    return HeadScores(
        model=model,
        method=options.method,
        probe=dict(probe or {}),
        base_loss=float(field.base_loss[field.was_run].mean()),
        n_samples=int(field.was_run.sum()),
        heads=_scored(
            model,
            deltas,
            estimates if is_screen else None,
            [nominated[i] for i in raced.selected],
            options,
        ),
        ablation="uniform-causal" if options.ablation == "uniform" else options.ablation,
        search=_facts(raced, nominated, options, model),
    )


class _Field:
    """Runs heads on samples batch by batch, and keeps the clean loss of every sample seen."""

    def __init__(
        self, model: ModelInfo, lengths: Sequence[int], worker: Worker, options: RaceOptions
    ) -> None:
        self.model, self.lengths, self.worker, self.options = model, lengths, worker, options
        self.base_loss, self.was_run = np.full(len(lengths), np.nan), np.zeros(len(lengths), bool)

    def exact(self, samples: Sequence[int], heads: Sequence[int]) -> Float64[np.ndarray, "s h"]:
        return self._run(samples, heads, gradient=False)[np.ix_(list(samples), list(heads))]

    def estimates(self) -> Float64[np.ndarray, "sample all_heads"]:
        """By half-way gradients."""
        heads = range(self.model.n_layers * self.model.n_heads)
        return self._run(range(len(self.lengths)), heads, gradient=True)

    def _run(
        self, samples: Sequence[int], heads: Sequence[int], *, gradient: bool
    ) -> Float64[np.ndarray, "sample all_heads"]:
        n_heads = self.model.n_heads
        deltas = np.full((len(self.lengths), self.model.n_layers * n_heads), np.nan)
        chosen = tuple(Head(number // n_heads, number % n_heads) for number in sorted(heads))
        lengths = [self.lengths[i] for i in samples]
        for batch in batches_by_length(lengths, max_tokens=self.options.batch_tokens):
            piece = Work(tuple(samples[i] for i in batch), chosen, gradient)
            found = self.worker(piece)
            deltas[list(piece.batch)] = found.deltas.reshape(len(batch), -1)
            self.base_loss[list(piece.batch)] = found.base_loss
            self.was_run[list(piece.batch)] = True
        return deltas


def _scored(
    model: ModelInfo,
    deltas: Float64[np.ndarray, "sample all_heads"],
    estimates: Float64[np.ndarray, "sample all_heads"] | None,
    winners: Sequence[int],
    options: RaceOptions,
) -> tuple[HeadScore, ...]:
    """The winners, the other raced heads, those that only have an estimate; each by mean delta.

    Where there are estimates, they and the mean of what they miss stand in for samples that a head
    was not run on. Heads with nothing else can be selected in no resample: their stability is 0.
    """
    seen = (~np.isnan(deltas)).sum(axis=0)
    complete, guessed = seen == len(deltas), seen == 0
    values = deltas if estimates is None else _filled(deltas, estimates)
    means = np.nanmean(values, axis=0)
    n_top = n_top_heads(model, options)
    low, high, resamples = bootstrap_seen(values, seed=options.seed)
    stability = selected_share(np.where(guessed, -np.inf, resamples), n_top)
    lost = ~np.isin(np.arange(len(seen)), winners)
    order = np.lexsort((-means, guessed, lost))
    numbers = {"delta": means, "ci_low": low, "ci_high": high, "stability": stability}
    facts = [
        {
            "n_samples": int(seen[i] or len(deltas)),
            "basis": "gradient" if guessed[i] else "probe" if complete[i] else "sample",
        }
        for i in range(len(order))
    ]
    return ordered_heads(order, n_top, numbers, n_heads=model.n_heads, facts=facts)


def _filled(
    deltas: Float64[np.ndarray, "sample head"], estimates: Float64[np.ndarray, "sample head"]
) -> Float64[np.ndarray, "sample head"]:
    """Deltas where they are known; else the estimate and the mean error of the head's estimates."""
    seen = ~np.isnan(deltas)
    errors = np.where(seen, deltas - estimates, 0.0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1)
    return np.where(seen, deltas, estimates + errors)


def _facts(
    raced: Raced, nominated: Sequence[int], options: RaceOptions, model: ModelInfo
) -> dict[str, Any]:
    """What was run, and how sure the result is."""
    facts = {
        "confidence": options.confidence,
        "tolerance": options.tolerance,
        "margin": raced.margin,
        "near_ties": [list(divmod(nominated[i], model.n_heads)) for i in raced.near_ties],
        "head_samples_spared": raced.n_spared,
        "statement": raced.statement,
        "first": options.first,
        "looks": [[look.n_samples, len(look.heads)] for look in raced.looks],
        "n_kept": len(raced.kept),
        "head_samples": int(raced.seen.sum()),
        "head_samples_exact": len(raced.deltas) * model.n_layers * model.n_heads,
    }
    if options.method == "screen":
        facts |= {
            "screen_samples": len(raced.deltas),
            "n_nominated": len(nominated),
            "statement": f"among the {len(nominated)} heads that half-way gradients nominated, "
            f"{raced.statement}; that the nominated hold all top heads is not guaranteed",
        }
    return facts
