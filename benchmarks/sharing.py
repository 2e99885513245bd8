"""How much faster two workers with a thread each are than one, once they have loaded the model.

By the clock on the wall whatever was asked, as a process's own time says nothing of its workers;
the figure needs a machine with two cores that nobody else uses.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial

import numpy as np

from benchmarks.measure import Measured, Settings, interleaved
from benchmarks.shapes import middle, random_ids
from workbench.distributed.cluster import joined
from workbench.engines import sample_losses
from workbench.models import ModelSource, Rendered
from workbench.options import WorkerOptions
from workbench.stages.engine import EngineOpening, Engines, open_engines

N_PIECES, N_ROWS, N_POS = 8, 4, 512


def two_workers(backend: str) -> Callable[[Settings], Measured]:
    """Losses of eight pieces by two workers, against one."""

    def measure(settings: Settings) -> Measured:
        os.environ["OMP_NUM_THREADS"] = "1"
        opening = EngineOpening(ModelSource(str(middle(settings)), device="cpu"))
        one, two = (WorkerOptions(backend, workers=n) for n in (1, 2))
        if backend == "local":
            one = WorkerOptions()
        cluster = joined(WorkerOptions("ray", workers=3)) if backend == "ray" else nullcontext()
        with cluster, open_engines(opening, one) as single, open_engines(opening, two) as pair:
            times = interleaved(
                {"one": lambda: _work(single), "two": lambda: _work(pair)}, runs=settings.runs
            )
        return times.compared("one", "two", "wall", clock="wall")

    return measure


def _work(engines: Engines) -> None:
    """Losses of the same rows, a piece of them at a time."""
    rows = [
        Rendered(tuple(ids), np.ones(N_POS, dtype=np.int8), is_text=True)
        for ids in random_ids(N_ROWS, N_POS).tolist()
    ]
    work = partial(sample_losses, rendered=rows, batches=[range(N_ROWS)])
    assert len(list(engines.results((number, work) for number in range(N_PIECES)))) == N_PIECES
