"""The tables of scores and of selections, read back with the columns they must have.

scores = read_scores(Path("runs/score-circuitseer-1a2b3c4d/scores.parquet"))
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.errors import InputError

SCORE_COLUMNS = {"row_id", "row_index", "source", "n_tokens", "score", "status"}
SELECTION_COLUMNS = {"row_id", "score", "p", "rank"}


def read_scores(path: Path) -> pd.DataFrame:
    return _read_table(path, SCORE_COLUMNS, "workbench score")


def read_selection(path: Path) -> pd.DataFrame:
    return _read_table(path, SELECTION_COLUMNS, "workbench select")


def _read_table(path: Path, columns: set[str], command: str) -> pd.DataFrame:
    try:
        frame = pq.read_table(path).to_pandas()
    except (OSError, pa.ArrowInvalid) as err:
        raise InputError(
            f"{path} cannot be read as Parquet", expected=f"the result of `{command}`"
        ) from err
    if missing := sorted(columns - set(frame.columns)):
        raise InputError(
            f"{path} has no column {', '.join(missing)}", expected=f"the result of `{command}`"
        )
    return frame
