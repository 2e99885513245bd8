"""Races of the heads against the exact method: time, agreement over resamples, and simulations.

Agreement needs no model: deltas and gradients of the whole probe are measured once and kept in the
work folder; races over resamples of it look them up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np

from benchmarks.importance import exact_deltas
from benchmarks.measure import Measured, Settings, interleaved
from benchmarks.shapes import BUNDLED, equal_lengths, gsm8k, loaded, middle
from workbench.ablation import ImportanceBatch, iter_screen, race
from workbench.circuits import RaceOptions, Work, n_top_heads, race_heads, worker_of
from workbench.data import batches_by_length, read_samples
from workbench.engines import choose_engine
from workbench.models import Model, Rendered
from workbench.probe import build_probe, rendered_probe
from workbench.types import HeadScores, ModelInfo, Sample

N_PROBE, N_RESAMPLES, N_SIMULATED = 300, 20, 100
# A gradient's forward and backward pass, in forward passes.
BACKWARD = 2.1


def race_time(settings: Settings) -> Measured:
    """The bundled model, a probe of the 300 GSM8K problems of the highest loss."""
    model = loaded(BUNDLED)
    return _against_exact(settings, model, _probe(model, settings), "race", "completion")


def screen_time(settings: Settings) -> Measured:
    """12 x 12 heads with random weights, where few heads stand out: the hard case for a race."""
    model = loaded(middle(settings))
    return _against_exact(settings, model, _short_rows(model, settings), "screen", "all")


def _short_rows(model: Model, settings: Settings) -> list[Rendered]:
    return equal_lengths(gsm8k(model, 200), 8)[: 24 if settings.quick else 150]


def _against_exact(
    settings: Settings, model: Model, rows: list[Rendered], method: str, part: str
) -> Measured:
    """Every round draws its samples anew: no figure rests on one lucky draw."""
    tops: dict[str, list[list[int]]] = {"exact": [], method: []}
    seeds = count()

    def exact() -> None:
        means = exact_deltas(model, rows, part).reshape(len(rows), -1).mean(axis=0)
        tops["exact"].append(_top(means, RaceOptions(method), model.info))

    def raced() -> None:
        options = RaceOptions(method, tolerance=0.0, seed=next(seeds))
        lengths = [len(row.ids) for row in rows]
        tops[method].append(
            _selected(
                race_heads(model.info, lengths, worker_of(choose_engine(model), rows), options)
            )
        )

    times = interleaved({"exact": exact, method: raced}, runs=settings.runs)
    return times.compared(
        "exact",
        method,
        settings.clock,
        samples=len(rows),
        heads=f"{model.n_layers} x {model.n_heads}",
        same_top=sum(ours == theirs for ours, theirs in zip(*tops.values(), strict=True)),
        draws=len(tops[method]),
    )


def agreement(method: str, shape: str = BUNDLED) -> Callable[[Settings], Measured]:
    """In how many of 20 resamples of the probe the race selects exactly the exact top 5 %."""

    def measure(settings: Settings) -> Measured:
        model = loaded(BUNDLED if shape == BUNDLED else middle(settings))
        stored, same, savings = _stored(model, settings), 0, []
        n = len(stored.lengths)
        for seed in range(N_RESAMPLES):
            options = RaceOptions(method, tolerance=0.0, seed=seed)
            drawn = np.random.default_rng(seed).integers(0, n, n)
            worker = _Lookup(stored, drawn)
            heads = race_heads(model.info, stored.lengths[drawn].tolist(), worker, options)
            expected = stored.deltas[drawn].reshape(n, -1).mean(axis=0)
            same += _selected(heads) == _top(expected, options, model.info)
            savings.append(n * (1 + stored.every) / worker.passes)
        return Measured(
            same,
            {"resamples": N_RESAMPLES, "samples": n, "saved_median": float(np.median(savings))},
        )

    return measure


def simulated(settings: Settings) -> Measured:
    """Wrong top sets in 100 races of 144 simulated heads, some of them close to the cut."""
    n_heads, n_top, errors, skewed, seen = 144, 7, 0, 0, []
    for seed in range(N_SIMULATED):
        rng = np.random.default_rng(seed)
        means = 0.02 * rng.exponential(size=n_heads) ** 2
        spread = 0.05 * rng.lognormal(size=n_heads)
        noise = rng.standard_normal((N_PROBE, n_heads))
        for skew in (False, True):
            shape = rng.exponential(size=noise.shape) - 1 if skew else noise
            deltas = means + spread * shape

            def measure(samples, heads, deltas=deltas):
                return deltas[np.ix_(samples, heads)]

            raced = race(measure, n_samples=N_PROBE, n_heads=n_heads, n_selected=n_top, seed=seed)
            wrong = set(raced.selected) != set(np.argsort(-deltas.mean(axis=0))[:n_top])
            errors, skewed = errors + (wrong and not skew), skewed + (wrong and skew)
            seen.append(raced.seen.mean() / N_PROBE)
    return Measured(
        errors,
        {"runs": N_SIMULATED, "errors_if_skewed": skewed, "share_of_samples": float(np.mean(seen))},
    )


@dataclass(frozen=True)
class _Stored:
    """What every head of a model does on every sample of the probe."""

    lengths: np.ndarray
    deltas: np.ndarray
    estimates: np.ndarray

    @property
    def every(self) -> float:
        """Passes through the whole model that all heads of one sample take."""
        _, n_layers, n_heads = self.deltas.shape
        return n_heads * (n_layers + 1) / 2


class _Lookup:
    """A worker that answers from what is stored; `drawn` says which sample stands where."""

    def __init__(self, stored: _Stored, drawn: np.ndarray) -> None:
        self.stored, self.drawn, self.passes = stored, drawn, 0.0

    def __call__(self, work: Work) -> ImportanceBatch:
        rows = self.drawn[list(work.batch)]
        source = self.stored.estimates if work.gradient else self.stored.deltas
        _, n_layers, n_heads = source.shape
        layers = sum(n_layers - head.layer for head in work.heads) / n_layers
        layers *= BACKWARD / n_heads if work.gradient else 1
        self.passes += len(rows) * (1 + layers)
        deltas = np.full((len(rows), n_layers, n_heads), np.nan)
        at = [head.layer for head in work.heads], [head.head for head in work.heads]
        deltas[:, *at] = source[rows][:, *at]
        return ImportanceBatch(work.batch, np.ones(len(rows)), deltas)


def _stored(model: Model, settings: Settings) -> _Stored:
    """Measured once for these weights, or `again`, then read from the work folder."""
    path = settings.work / f"deltas-{model.info.weights_sha256[:12]}-{settings.quick}.npz"
    if settings.again or not path.is_file():
        _measure_stored(model, settings, path)
    with np.load(path, allow_pickle=False) as kept:
        return _Stored(kept["lengths"], kept["deltas"], kept["estimates"])


def _measure_stored(model: Model, settings: Settings, path: Path) -> None:
    is_bundled = model.info.id == BUNDLED
    rows = _probe(model, settings) if is_bundled else _short_rows(model, settings)
    part, lengths = "completion" if is_bundled else "all", [len(row.ids) for row in rows]
    estimates = np.empty((len(rows), model.n_layers, model.n_heads))
    batches = batches_by_length(lengths, max_tokens=2048)
    for batch in iter_screen(choose_engine(model), rows, batches=batches, part=part):
        estimates[list(batch.indices)] = batch.deltas
    deltas = exact_deltas(model, rows, part)
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, lengths=lengths, deltas=deltas, estimates=estimates)


def _probe(model: Model, settings: Settings) -> list[Rendered]:
    pool = [row for row in read_samples(["gsm8k"]) if isinstance(row, Sample)]
    pool, n = (pool[:60], 24) if settings.quick else (pool, N_PROBE)
    return rendered_probe(model, build_probe(choose_engine(model), pool, n=n))


def _top(means: np.ndarray, options: RaceOptions, model: ModelInfo) -> list[int]:
    return sorted(np.argsort(-means, kind="stable")[: n_top_heads(model, options)].tolist())


def _selected(heads: HeadScores) -> list[int]:
    n_heads = heads.model.n_heads
    return sorted(head.layer * n_heads + head.head for head in heads.heads if head.selected)
