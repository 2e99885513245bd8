"""What stands in for a head where an ablation needs other samples: their mean, or one of them.

    ablation = prepare(engine, KINDS["mean"], reference_rows, seed=0)
    ablation.donors(ids_of_rows, layers=[0])

The reference are the samples that are measured on, at most 64 of them, drawn by the seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
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


@dataclass(frozen=True)
class Ablation:
    """A kind of intervention with the reference it needs, ready for any batch."""

    kind: Intervention = UNIFORM
    engine: Engine | None = None
    samples: tuple[Ids, ...] = ()
    seed: int = 0
    means: dict[int, Tensor] = field(default_factory=dict)

    def donors(self, rows: Sequence[Ids], layers: Sequence[int]) -> Donors | None:
        """What stands in for the heads of `layers` in a batch of these token ids."""
        if self.kind.reference == "mean":
            return Donors(self.means)
        if self.kind.reference != "sample" or not layers:
            return None
        assert self.engine is not None  # `prepare` has set it
        chosen = [self._other(tuple(row)) for row in rows]
        lengths = [len(row) for row in chosen]

        def work(batch: list[int], engine: Engine = self.engine) -> dict[int, Tensor]:
            with engine.editing(None):
                return engine.outputs(
                    padded([chosen[i] for i in batch], engine.model.pad_id), layers
                )

        pieces = self.engine.memory.pieces(range(len(chosen)), lengths, work)
        return Donors(_joined([found for _, found in pieces], max(lengths)), torch.tensor(lengths))

    def _other(self, row: Ids) -> Ids:
        """Another sample than `row`, drawn by its tokens and the seed alone."""
        others = [sample for sample in self.samples if sample != row]
        drawn = sha256(f"{self.seed} {','.join(map(str, row))}".encode()).digest()
        return others[int.from_bytes(drawn[:8]) % len(others)]


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
    if not kind.reference:
        return Ablation(kind)
    order = np.random.default_rng(seed).permutation(len(reference))[:MOST_SAMPLES]
    samples = tuple(tuple(reference[i].ids) for i in sorted(order.tolist()))
    if kind.reference == "mean":
        if not samples:
            raise InputError("there are no reference samples", expected="at least one")
        return Ablation(kind, engine, samples, seed, mean_outputs(engine, samples))
    if len(set(samples)) < 2:
        raise InputError(
            f"{len(set(samples))} different reference samples are too few for resampling",
            expected="at least two",
            do="pass more samples, or another --ablation",
        )
    return Ablation(kind, engine, samples, seed)


def mean_outputs(engine: Engine, samples: Sequence[Ids]) -> dict[int, Tensor]:
    """Of each layer what its heads write, mean over all tokens of the samples; `[head d_head]`."""
    layers, lengths = range(engine.model.n_layers), [len(ids) for ids in samples]
    sums: dict[int, Tensor] = {}

    def work(batch: list[int]) -> dict[int, Tensor]:
        ids = padded([samples[i] for i in batch], engine.model.pad_id)
        real = torch.arange(ids.shape[1]) < torch.tensor([lengths[i] for i in batch])[:, None]
        with engine.editing(None):
            outputs = engine.outputs(ids, layers)
        return {
            layer: torch.einsum("bphd,bp->hd", written.double(), real.to(written.device).double())
            for layer, written in outputs.items()
        }

    for batch in batches_by_length(lengths, max_tokens=BATCH_TOKENS):
        for _, found in engine.memory.pieces(batch, lengths, work):
            for layer, total in found.items():
                sums[layer] = sums[layer] + total if layer in sums else total
    dtype = engine.model.hooked.cfg.dtype
    return {layer: (total / sum(lengths)).to(dtype) for layer, total in sums.items()}
