"""The top heads by race: few samples for most heads, more for those near the cut.

    work = worker_of(model, rendered)
    heads = race_heads(model.info, [len(r.ids) for r in rendered], work, RaceOptions())

`race` runs all heads (`workbench.ablation.race`). `screen` races only the quarter of the heads that
half-way gradients nominate; that no top head is left out there is likely and not guaranteed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Float64

from workbench.ablation import ImportanceBatch, Raced, iter_importance, iter_screen, race
from workbench.circuits.bootstrap import bootstrap_seen, selected_share
from workbench.circuits.heads import BATCH_TOKENS, n_selected
from workbench.data import batches_by_length
from workbench.errors import InputError
from workbench.models import Model, Rendered
from workbench.types import Head, HeadScore, HeadScores, ModelInfo

METHODS = ("race", "screen")
NOMINATED, SCREEN_SAMPLES = 0.25, 48


@dataclass(frozen=True)
class RaceOptions:
    """All heads start on `first` samples; `confidence` that the top set is the whole probe's."""

    method: str = "race"
    fraction: float = 0.05
    min_heads: int = 1
    seed: int = 0
    confidence: float = 0.95
    first: int = 8
    batch_tokens: int = BATCH_TOKENS

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise InputError(f"the method is '{self.method}'", expected=" or ".join(METHODS))
        if not 0 < self.confidence < 1:
            raise InputError(
                f"the confidence is {self.confidence}", expected="a share between 0 and 1"
            )
        if self.first < 2:
            raise InputError(
                f"the race starts on {self.first} samples",
                expected="at least 2, to have a spread",
                do="pass --first 8",
            )

    def n_selected(self, model: ModelInfo) -> int:
        n_heads = model.n_layers * model.n_heads
        return n_selected(n_heads, self.fraction, min_heads=self.min_heads)

    def n_nominated(self, model: ModelInfo) -> int:
        """As many of every layer: a quarter of all heads, or twice the circuit, rounded up."""
        wanted = max(2 * self.n_selected(model), round(NOMINATED * model.n_layers * model.n_heads))
        return model.n_layers * min(model.n_heads, -(-wanted // model.n_layers))


def nominate(guesses: Float[np.ndarray, "layer head"], n: int) -> list[int]:
    """Numbers of the `n` heads with the largest guesses of their layers, as many of each.

    Layer by layer, because half-way gradients overrate the first layers, whose change every later
    layer hands on.
    """
    n_layers, n_heads = guesses.shape
    best = np.argsort(-guesses, axis=1, kind="stable")[:, : n // n_layers]
    return sorted((best + n_heads * np.arange(n_layers)[:, None]).ravel().tolist())


class Work(NamedTuple):
    """One batch of samples (by place in the probe) and the heads to run on it."""

    batch: tuple[int, ...]
    heads: tuple[Head, ...]
    gradient: bool


Worker = Callable[[Work], ImportanceBatch]


def worker_of(model: Model, rendered: Sequence[Rendered]) -> Worker:
    """Does a piece of work with the model."""

    def work(piece: Work) -> ImportanceBatch:
        measure = iter_screen if piece.gradient else iter_importance
        (found,) = measure(model, rendered, batches=[piece.batch], heads=piece.heads)
        return found

    return work


def race_heads(
    model: ModelInfo,
    lengths: Sequence[int],
    worker: Worker,
    options: RaceOptions,
    *,
    probe: Mapping[str, Any] | None = None,
) -> HeadScores:
    """Every head with its delta and interval over the samples it was run on; the winners lead.

    `lengths` are the tokens of the probe's samples. The pieces of work and their order depend on
    what the worker returns and on nothing else, so stored results can answer for it.
    """
    field = _Field(model, lengths, worker, options)
    estimates, nominated = None, list(range(model.n_layers * model.n_heads))
    if options.method == "screen":
        estimates = field.estimates()
        guesses = np.nanmean(estimates, axis=0)
        nominated = nominate(guesses.reshape(model.n_layers, -1), options.n_nominated(model))
    raced = race(
        lambda samples, numbers: field.exact(samples, [int(nominated[i]) for i in numbers]),
        n_samples=len(lengths),
        n_heads=len(nominated),
        n_selected=options.n_selected(model),
        confidence=options.confidence,
        first=options.first,
        seed=options.seed,
    )
    deltas = np.full((len(lengths), model.n_layers * model.n_heads), np.nan)
    deltas[:, nominated] = raced.deltas
    return HeadScores(
        model=model,
        method=options.method,
        probe=dict(probe or {}),
        base_loss=float(np.nanmean(field.base_loss)),
        n_samples=int((~np.isnan(field.base_loss)).sum()),
        heads=_scored(model, deltas, estimates, [nominated[i] for i in raced.selected], options),
        search=_facts(raced, options, model),
    )


class _Field:
    """Runs heads on samples batch by batch, and keeps the clean loss of every sample seen."""

    def __init__(
        self, model: ModelInfo, lengths: Sequence[int], worker: Worker, options: RaceOptions
    ) -> None:
        self.model, self.lengths, self.worker, self.options = model, lengths, worker, options
        self.base_loss = np.full(len(lengths), np.nan)

    def exact(self, samples: Sequence[int], heads: Sequence[int]) -> Float64[np.ndarray, "s h"]:
        return self._run(samples, heads, gradient=False)[np.ix_(list(samples), list(heads))]

    def estimates(self) -> Float64[np.ndarray, "sample all_heads"]:
        """By half-way gradients, on a few samples; NaN elsewhere."""
        order = np.random.default_rng(self.options.seed).permutation(len(self.lengths))
        heads = range(self.model.n_layers * self.model.n_heads)
        return self._run(sorted(order[:SCREEN_SAMPLES].tolist()), heads, gradient=True)

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
        return deltas


def _scored(
    model: ModelInfo,
    deltas: Float64[np.ndarray, "sample all_heads"],
    estimates: Float64[np.ndarray, "sample all_heads"] | None,
    winners: Sequence[int],
    options: RaceOptions,
) -> tuple[HeadScore, ...]:
    """The winners, the other raced heads, those that only have an estimate; each by mean delta.

    The last can be selected in no resample, so their stability is 0.
    """
    seen = (~np.isnan(deltas)).sum(axis=0)
    complete, guessed = seen == len(deltas), seen == 0
    values = deltas if estimates is None else np.where(guessed, estimates, deltas)
    means = np.nanmean(values, axis=0)
    n_top = options.n_selected(model)
    low, high, resamples = bootstrap_seen(values, seed=options.seed)
    stability = selected_share(np.where(guessed, -np.inf, resamples), n_top)
    lost = ~np.isin(np.arange(len(seen)), winners)
    order = np.lexsort((-means, guessed, lost))
    rank = np.empty(len(order), dtype=int)
    rank[order] = np.arange(1, len(order) + 1)
    return tuple(
        HeadScore(
            layer=i // model.n_heads,
            head=i % model.n_heads,
            delta=float(means[i]),
            ci_low=float(low[i]),
            ci_high=float(high[i]),
            rank=int(rank[i]),
            selected=bool(rank[i] <= n_top),
            stability=float(stability[i]),
            n_samples=int((~np.isnan(values[:, i])).sum()),
            basis="gradient" if guessed[i] else "probe" if complete[i] else "sample",
        )
        for i in range(len(order))
    )


def _facts(raced: Raced, options: RaceOptions, model: ModelInfo) -> dict[str, Any]:
    """What was run, and how sure the result is."""
    facts = {
        "confidence": options.confidence,
        "statement": raced.statement,
        "first": options.first,
        "looks": [[look.n_samples, len(look.heads)] for look in raced.looks],
        "n_kept": len(raced.kept),
        "head_samples": int(raced.seen.sum()),
        "head_samples_exact": len(raced.deltas) * model.n_layers * model.n_heads,
    }
    if options.method == "screen":
        nominated = raced.deltas.shape[1]
        facts |= {
            "screen_samples": min(SCREEN_SAMPLES, len(raced.deltas)),
            "n_nominated": nominated,
            "statement": f"among the {nominated} heads that half-way gradients nominated, "
            f"{raced.statement}; that the nominated hold all top heads is not guaranteed",
        }
    return facts
