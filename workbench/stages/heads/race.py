"""A race of heads as parts of a run: each piece of work is stored, and answers when resumed.

    with open_run(Path("runs"), RunSpec("heads-race", {}, {}, "heads.json")) as run:
        task = Task(run, place)
        heads = raced_heads(task, engine, probe, RaceOptions(), summary={"n": 4})

What a race does next depends on what it has found, and on nothing else: run again after a kill it
asks for the same pieces in the same order, and the stored ones are read back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.ablation import KINDS, ImportanceBatch, Standing, prepare
from workbench.circuits import (
    Work,
    Worker,
    counted_window,
    n_top_heads,
    race_heads,
    worker_of,
)
from workbench.engines import Engine
from workbench.options import RaceOptions
from workbench.probe import rendered_probe
from workbench.runs import Run, Task
from workbench.types import HeadScores, ModelInfo, ProbeSet

# Part of a run's name: what is asked next changes with it, so what was stored before has no place.
SCHEDULE = 3
# A guess of how long heads last: this many times the circuit on this share of the probe, and the
# circuit itself on as much again.
CONTESTED, LASTING = 4, 1 / 3
# Heads that gradients nominate, of all: most of every layer's best quarter is in the best of all.
LIKELY_NOMINATED = 0.3
# A gradient's forward and backward pass, in forward passes (measured on 12 layers).
BACKWARD = 2.1


def raced_heads(
    task: Task,
    engine: Engine,
    probe: ProbeSet,
    options: RaceOptions,
    *,
    summary: Mapping[str, Any],
) -> HeadScores:
    """Race the heads of `model` on `probe`; `summary` describes the probe in the result."""
    model = engine.model.info
    rendered = counted_window(rendered_probe(engine.model, probe), options.count)
    ids = [sample.row_id for sample in probe.samples]
    ablation = prepare(engine, KINDS[options.ablation], rendered, seed=options.seed)
    worker = _Stored(task, partial(worker_of, engine, rendered, ablation), engine, ids)
    if options.method == "screen":
        worker.gradients = len(rendered) * gradient_cost(model)
    lengths = [len(r.ids) for r in rendered]
    heads = race_heads(model, lengths, worker, options, probe=summary, on_look=worker.stand)
    worker.tell(1, 1, "heads raced")
    return heads


def gradient_cost(model: ModelInfo) -> int:
    """Gradients of one sample by all heads, in runs of a single head on it."""
    return round(BACKWARD * model.n_layers)


def expected_passes(model: ModelInfo, n_samples: int, options: RaceOptions) -> float:
    """Full passes over the whole probe that a race is expected to take.

    Certain is the first look of all heads; how long the others last is a guess.
    """
    n_layers, n_top = model.n_layers, n_top_heads(model, options)
    suffix = (n_layers + 1) / (2 * n_layers)
    n_raced, screened, is_screen = n_layers * model.n_heads, 0.0, options.method == "screen"
    if is_screen:
        n_raced = max(2 * n_top, round(LIKELY_NOMINATED * n_raced))
        screened = 1 + BACKWARD * n_layers * suffix
    first = min(options.first, n_samples) / n_samples
    look = first * (1 + n_raced * suffix)
    if first == 1:
        return screened + look
    n_close, share = min(n_raced, CONTESTED * n_top), min(LASTING, (1 - first) / 2)
    close = share * (1 + n_close * suffix)
    leaders = (1 - first if is_screen else share) * (1 + n_top * suffix)
    return screened + look + close + leaders


class _Stored:
    """A worker that stores every piece it does, and reads back what was done before.

    `worker` makes the one that does them, of whom it tells how far each piece is.
    """

    def __init__(
        self, task: Task, worker: Callable[..., Worker], engine: Engine, ids: Sequence[str]
    ) -> None:
        self.run, self.model, self.ids = task.run, engine.model.info, ids
        self.worker = worker(on_progress=self._within)
        self.tell, self.work = task.progress(engine), Work((), (), gradient=False)
        self.number, self.done, self.gradients = 0, 0, 0
        # At most every head on every sample, until the first look says less.
        self.total, self.said = len(ids) * self.model.n_layers * self.model.n_heads, "heads"

    def __call__(self, work: Work) -> ImportanceBatch:
        self.work = work
        if not self.run.has_part(self.number):
            self.run.write_part(self.number, _table(self.worker(work), work, self.ids))
        found = _read(self.run, self.number, work, self.model)
        self.number += 1
        self.done += len(work.batch) * self._weight()
        self._tell()
        return found

    def stand(self, standing: Standing) -> None:
        """What the race can still take is known before each look, and never grows."""
        self.total = min(self.total, standing.at_most)
        self.said = (
            f"look {standing.look}, {standing.n_left} heads left: about {standing.expected} head "
            f"samples in all, {standing.at_most} at most;"
        )

    def _weight(self) -> int:
        """What one sample of the piece at work costs, in head samples."""
        return gradient_cost(self.model) if self.work.gradient else len(self.work.heads)

    def _within(self, n_done: int, n_all: int, _text: str) -> None:
        """The piece at work is so far; one that has just been done is told of when it is stored."""
        if n_done < n_all:
            self._tell(len(self.work.batch) * self._weight() * n_done // n_all)

    def _tell(self, begun: int = 0) -> None:
        """Head samples, of as many as the race can take at most from what is known now."""
        total = self.gradients + self.total + 1  # the end is a step of its own
        kind, work = "gradients of" if self.work.gradient else self.said, self.work
        text = f"{kind} {len(work.heads)} on {len(work.batch)} samples"
        self.tell(self.done + begun, total, text)


def _table(found: ImportanceBatch, work: Work, ids: Sequence[str]) -> pa.Table:
    """`deltas` belong to `heads`, numbered layer by layer."""
    deltas = found.deltas[:, *_places(work)]
    n_heads = found.deltas.shape[2]
    numbers = [head.layer * n_heads + head.head for head in work.heads]
    return pa.table(
        {
            "position": pa.array(found.indices, pa.int32()),
            "row_id": [ids[i] for i in found.indices],
            "base_loss": found.base_loss,
            "gradient": [work.gradient] * len(deltas),
            "heads": pa.array([numbers] * len(deltas), pa.list_(pa.int32())),
            "deltas": pa.array(deltas.tolist(), pa.list_(pa.float64())),
        }
    )


def _read(run: Run, number: int, work: Work, model: ModelInfo) -> ImportanceBatch:
    table = pq.read_table(run.part(number))
    positions = tuple(table["position"].to_pylist())
    asked = [head.layer * model.n_heads + head.head for head in work.heads]
    kinds = zip(table["heads"].to_pylist(), table["gradient"].to_pylist(), strict=True)
    if positions != work.batch or any(kind != (asked, work.gradient) for kind in kinds):
        raise ValueError(f"part {number} of '{run.path}' holds other work than was asked for")
    deltas = np.full((len(positions), model.n_layers, model.n_heads), np.nan)
    deltas[:, *_places(work)] = np.array(table["deltas"].to_pylist())
    return ImportanceBatch(positions, table["base_loss"].to_numpy(), deltas)


def _places(work: Work) -> tuple[list[int], list[int]]:
    return [head.layer for head in work.heads], [head.head for head in work.heads]
