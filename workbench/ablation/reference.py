"""What stands in for a head where an ablation needs other samples: their means, or one of them.

    ablation = prepare(engine, KINDS["mean"], reference_rows, seed=0)
    ablation.donors(ids_of_rows, [0])

The reference are the samples that are measured on, at most 64 of them, drawn by the seed. Means are
kept by the engine until those of other samples are asked for, so that pieces of work which each
prepare the same ablation share one pass over the reference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from workbench.data import batches_by_length
from workbench.engines import Engine
from workbench.errors import InputError
from workbench.models import UNIFORM, Donors, Intervention, Rendered, padded

MOST_SAMPLES = 64
BATCH_TOKENS = 2048
Ids = tuple[int, ...]
Donate = Callable[[Sequence[Ids], Sequence[int]], Donors]


@dataclass(frozen=True)
class Ablation:
    """A kind of intervention, ready for any batch: `donate` gives what it needs of a reference."""

    kind: Intervention = UNIFORM
    donate: Donate | None = None

    def donors(self, rows: Sequence[Ids], layers: Sequence[int]) -> Donors | None:
        """What stands in for the heads of `layers` in a batch of these token ids."""
        return self.donate(rows, layers) if self.donate and layers else None


def _joined(pieces: Sequence[dict[int, Tensor]], n_pos: int) -> dict[int, Tensor]:
    """Outputs of batches one below the other, all as long as the longest."""
    missing = [n_pos - next(iter(found.values())).shape[1] for found in pieces]
    return {
        layer: torch.cat(
            [
                pad(found[layer], (0, 0, 0, 0, 0, n))
                for found, n in zip(pieces, missing, strict=True)
            ]
        )
        for layer in pieces[0]
    }


BY_UNIFORM = Ablation()


def prepare(
    engine: Engine, kind: Intervention, reference: Sequence[Rendered], *, seed: int = 0
) -> Ablation:
    """The intervention with what it needs of the `reference` samples (for a mean one pass).

    Raises InputError where these are too few.
    """
    return preparation(kind, reference, seed=seed)(engine)


@dataclass(frozen=True)
class Preparation:
    """An ablation before there is an engine, as it is sent to another process."""

    kind: Intervention = UNIFORM
    samples: tuple[Ids, ...] = ()
    seed: int = 0

    def __call__(self, engine: Engine) -> Ablation:
        if self.kind.reference is None:
            return Ablation(self.kind)
        return Ablation(self.kind, self.kind.reference(engine, self.samples, self.seed))


UNIFORMLY = Preparation()


def preparation(kind: Intervention, reference: Sequence[Rendered], *, seed: int = 0) -> Preparation:
    """How any engine comes by the same ablation. Raises InputError where there is no reference."""
    if kind.reference is None:
        return Preparation(kind)
    order = np.random.default_rng(seed).permutation(len(reference))[:MOST_SAMPLES]
    samples = tuple(tuple(reference[i].ids) for i in sorted(order.tolist()))
    if not samples:
        raise InputError("there are no reference samples", expected="at least one")
    return Preparation(kind, samples, seed)


def by_mean(engine: Engine, samples: Sequence[Ids], seed: int) -> Donate:
    """For every row the mean outputs of the samples."""
    means = _kept(engine, mean_outputs, samples)
    return lambda rows, layers: Donors(means)


def by_sample(engine: Engine, samples: Sequence[Ids], seed: int) -> Donate:
    """For each row the outputs on another of the samples."""
    if (n_different := len(set(samples))) < 2:
        raise InputError(
            f"{n_different} different reference samples are too few for resampling",
            expected="at least two",
            do="pass more samples, or another --ablation",
        )

    def donate(rows: Sequence[Ids], layers: Sequence[int]) -> Donors:
        chosen = [other_sample(samples, tuple(row), seed=seed) for row in rows]
        lengths = [len(row) for row in chosen]

        def work(batch: list[int]) -> dict[int, Tensor]:
            ids = padded([chosen[i] for i in batch], engine.model.pad_id)
            with engine.editing(None):
                return engine.outputs(ids, layers)

        pieces = engine.memory.pieces(range(len(chosen)), lengths, work)
        return Donors(_joined([found for _, found in pieces], max(lengths)), torch.tensor(lengths))

    return donate


def other_sample(samples: Sequence[Ids], row: Ids, *, seed: int) -> Ids:
    """Another sample than `row`, drawn by its tokens and the seed alone."""
    others = [sample for sample in samples if sample != row]
    drawn = sha256(f"{seed} {','.join(map(str, row))}".encode()).digest()
    return others[int.from_bytes(drawn[:8]) % len(others)]


def by_position(engine: Engine, samples: Sequence[Ids], seed: int) -> Donate:
    """For every row the mean outputs at each position, where no sample reaches those of all."""
    means = _kept(engine, position_means, samples)
    return lambda rows, layers: Donors(means, by_position=True)


def _kept(
    engine: Engine,
    measure: Callable[[Engine, Sequence[Ids]], dict[int, Tensor]],
    samples: Sequence[Ids],
) -> dict[int, Tensor]:
    """What the engine measured last, if it was this; it holds one such thing."""
    asked = (measure.__name__, tuple(samples))
    if asked not in engine.kept:
        engine.kept.clear()
        engine.kept[asked] = measure(engine, samples)
    return engine.kept[asked]


def mean_outputs(engine: Engine, samples: Sequence[Ids]) -> dict[int, Tensor]:
    """Of each layer what its heads write, mean over all tokens of the samples; `[head d_head]`."""
    n_tokens = sum(map(len, samples))
    sums = _sums(engine, samples, "bphd,bp->hd")
    dtype = engine.model.hooked.cfg.dtype
    return {layer: (total / n_tokens).to(dtype) for layer, total in sums.items()}


def position_means(engine: Engine, samples: Sequence[Ids]) -> dict[int, Tensor]:
    """The same at each position, mean over the samples that reach it; `[pos head d_head]`.

    One position more than the longest sample has: the mean over all tokens, for all that follow.
    """
    lengths = torch.tensor([len(ids) for ids in samples])
    n_there = (torch.arange(int(lengths.max())) < lengths[:, None]).sum(0)[:, None, None]
    dtype = engine.model.hooked.cfg.dtype
    return {
        layer: torch.cat(
            [total / n_there.to(total.device), total.sum(0, keepdim=True) / lengths.sum()]
        ).to(dtype)
        for layer, total in _sums(engine, samples, "bphd,bp->phd").items()
    }


def _sums(engine: Engine, samples: Sequence[Ids], equation: str) -> dict[int, Tensor]:
    """Of each layer the outputs of real tokens, summed in float64 as the `equation` says."""
    layers, lengths = range(engine.model.n_layers), [len(ids) for ids in samples]
    sums: dict[int, Tensor] = {}

    def work(batch: list[int]) -> dict[int, Tensor]:
        ids = padded([samples[i] for i in batch], engine.model.pad_id)
        real = torch.arange(ids.shape[1]) < torch.tensor([lengths[i] for i in batch])[:, None]
        with engine.editing(None):
            outputs = engine.outputs(ids, layers)
        return {
            layer: torch.einsum(equation, written.double(), real.to(written.device).double())
            for layer, written in outputs.items()
        }

    for batch in batches_by_length(lengths, max_tokens=BATCH_TOKENS):
        for _, found in engine.memory.pieces(batch, lengths, work):
            for layer, total in found.items():
                sums[layer] = _plus(sums[layer], total) if layer in sums else total
    return sums


def _plus(one: Tensor, other: Tensor) -> Tensor:
    """Their sum; the one with fewer positions has nothing at those that it lacks."""
    short, long = sorted((one, other), key=len)
    return long + pad(short, (0, 0) * (short.ndim - 1) + (0, len(long) - len(short)))
