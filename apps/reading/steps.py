"""The steps beside a table of AIR scores: those of one row, read without the rest.

steps = steps_of(run.folder, table, place)     # loss_base, loss_weak, score, weight, a row a step
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from apps.reading.scores import ScoreTable
from apps.reading.sharing import shared
from workbench.errors import InputError

STEPS = "steps.parquet"
N_STEPS = "n_steps_found"
NEEDED = ("start_char", "end_char", "n_tokens", "loss_base", "loss_weak", "score", "weight")


def steps_of(folder: Path, table: ScoreTable, place: int, row_id: str) -> pd.DataFrame:
    """The steps of the row at `place` in reading order; InputError where they cannot be read."""
    path = folder / STEPS
    try:
        found = _slice(path, table, place)
        if found is None or set(found["row_id"].to_pylist()) != {row_id}:
            found = pq.read_table(path, filters=[("row_id", "=", row_id)])
    except (OSError, pa.ArrowInvalid) as err:
        raise InputError(f"{STEPS} of this run cannot be read", do="score again") from err
    if missing := sorted(set(NEEDED) - set(found.column_names)):
        raise InputError(f"{STEPS} has no column {', '.join(missing)}", do="score again")
    return found.to_pandas()


def _slice(path: Path, table: ScoreTable, place: int) -> pa.Table | None:
    """The rows where the steps lie if both files have the same order, which they have as written.

    A search by id would read a file of millions of steps from end to end.
    """
    if N_STEPS not in table.columns:
        return None
    starts = _starts(table)
    first, n_steps = int(starts[place]), int(starts[place + 1] - starts[place])
    with pq.ParquetFile(path) as file:
        sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        ends = np.cumsum(sizes)
        if not n_steps or first + n_steps > ends[-1]:
            return None
        group = int(np.searchsorted(ends, first, side="right"))
        last = int(np.searchsorted(ends, first + n_steps, side="left"))
        read: Any = file.read_row_groups(list(range(group, last + 1)))
    return read.slice(first - int(ends[group] - sizes[group]), n_steps)


@shared(4)
def _starts(table: ScoreTable) -> np.ndarray:
    """Where the steps of each row begin, and behind the last one where they end."""
    counts = np.nan_to_num(table.numbers(N_STEPS))
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
