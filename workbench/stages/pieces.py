"""Pieces of a run's work, done by its engines and kept as its parts: what is finished stays.

with open_run(Path("runs"), RunSpec("validate", {}, {}, "validation.json")) as run:
    with open_engines(EngineOpening(source)) as engines:
        share = kept_pieces(Task(run, place), engines)
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from workbench.circuits import Piece, Share
from workbench.runs import Task
from workbench.stages.engine import Engines


def kept_pieces(task: Task, engines: Engines) -> Share:
    """Each piece is a part of its series; those that an earlier attempt finished are read back."""
    run, progress = task.run, task.progress(engines)

    def share(series: str, pieces: Sequence[Piece]) -> list[pa.Table]:
        missing = [i for i in range(len(pieces)) if not run.has_part(i, series=series)]
        n_done = len(pieces) - len(missing)
        for number, table in engines.results((i, pieces[i][1]) for i in missing):
            run.write_part(number, table, series=series)
            n_done += 1
            progress(n_done, len(pieces), pieces[number][0] + engines.note)
        return [pq.read_table(run.part(i, series=series)) for i in range(len(pieces))]

    return share
