"""The tables of scores and of selections, read back with the columns they must have.

scores = read_scores(Path("runs/score-circuitseer-1a2b3c4d/scores.parquet"))
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from workbench.errors import InputError, kind_of

SCORE_COLUMNS = {"row_id", "row_index", "source", "n_tokens", "score", "status"}
SELECTION_COLUMNS = {"row_id", "score", "p", "rank"}
TEXTS = {"row_id", "source", "status", "reason", "row_sha256"}
COUNTS = {"row_index", "n_tokens", "rank"}
NUMBERS = {"score", "score_within_length", "p"}
ALWAYS = {"row_id", "source", "status", *COUNTS}
LARGEST = 1e100
"""Of a score; beyond it sums and squares of them are infinite."""


def read_scores(path: Path) -> pd.DataFrame:
    return _read_table(path, SCORE_COLUMNS, "workbench score")


def read_selection(path: Path) -> pd.DataFrame:
    return _read_table(path, SELECTION_COLUMNS, "workbench select")


def score_columns(path: Path) -> list[str]:
    """The names of the columns of a scores table, read without its rows."""
    try:
        return pq.read_schema(path).names
    except (OSError, pa.ArrowException) as err:
        raise _unreadable(path, "the result of `workbench score`", err) from err


def _read_table(path: Path, columns: set[str], command: str) -> pd.DataFrame:
    expected = f"the result of `{command}`"
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as err:
        raise _unreadable(path, expected, err) from err
    if missing := sorted(columns - set(table.column_names)):
        raise InputError(f"{path} has no column {', '.join(missing)}", expected=expected)
    for name in table.column_names:
        if problem := _what_is_wrong(table, name):
            raise InputError(f"the column {name} of {path} {problem}", expected=expected)
    return table.to_pandas()


def _unreadable(path: Path, expected: str, err: Exception) -> InputError:
    return InputError(f"{path} cannot be read as Parquet ({kind_of(err)})", expected=expected)


def _what_is_wrong(table: pa.Table, name: str) -> str:
    """Why a column is none that a run has written; nothing as a rule."""
    if table.column_names.count(name) > 1:
        return "is there more than once"
    column, types = table.column(name), pa.types
    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    if (name in ALWAYS and column.null_count) or (name == "p" and types.is_null(kind)):
        return "lacks values"
    is_text = types.is_string(kind) or types.is_large_string(kind)
    is_number = types.is_floating(kind) or types.is_integer(kind)
    wanted = (name not in TEXTS or is_text) and (name not in COUNTS or types.is_integer(kind))
    if not (wanted and (name not in NUMBERS or is_number)) and not types.is_null(kind):
        return f"holds {kind}"
    if name in NUMBERS and len(column) and is_number:
        ends = pc.call_function("min_max", [column]).as_py()
        if any(end is not None and abs(end) > LARGEST for end in ends.values()):
            return "holds a number beyond any score"
    if name in COUNTS and len(column) and pc.call_function("min", [column]).as_py() < 0:
        return "holds a negative number"
    return ""
