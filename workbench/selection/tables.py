"""The tables of scores and of selections, read back with the columns they must have.

scores = read_scores(Path("runs/score-circuitseer-1a2b3c4d/scores.parquet"))
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jaxtyping import Bool, Int64

from workbench.errors import InputError, kind_of
from workbench.selection.labels import counted

SCORES_ARE = "the result of `workbench score`"
SCORE_COLUMNS = {"row_id", "row_index", "source", "n_tokens", "score", "status"}
SELECTION_COLUMNS = {"row_id", "score", "p", "rank"}
TEXTS = {"row_id", "source", "status", "reason", "row_sha256"}
COUNTS = {"row_index", "n_tokens", "rank"}
NUMBERS = {"score", "score_within_length", "p"}
UNIQUE = {"row_id", "row_sha256"}
ALWAYS = {"row_id", "source", "status", *COUNTS}
LARGEST = 1e100
"""Of a score; beyond it sums and squares of them are infinite."""


class OkRows(NamedTuple):
    """Some columns of the rows with status `ok`, and how many rows have which other status."""

    rows: pd.DataFrame
    others: dict[str, int]


def read_scores(path: Path) -> pd.DataFrame:
    return _read_table(path, SCORE_COLUMNS, SCORES_ARE)


def read_ok_rows(path: Path, columns: Sequence[str]) -> OkRows:
    """Those of `columns` that a table of scores has, so that a row takes few bytes.

    Columns are read one by one, texts but ids and hashes as categories. Where no row is ok, `rows`
    are all of them.
    """
    with _reading(path, SCORES_ARE):
        schema = pq.read_schema(path)
    _check(schema.empty_table(), path, SCORE_COLUMNS, SCORES_ARE)
    names = [name for name in schema.names if name in columns]
    coded = [name for name in names if name not in UNIQUE]
    with (
        _reading(path, SCORES_ARE),
        pq.ParquetFile(path, read_dictionary=coded, pre_buffer=False) as file,
    ):
        statuses = _column(file, path, "status")
        others = counted(statuses)
        is_ok = (statuses == "ok").to_numpy()
        kept = is_ok if others.pop("ok", 0) else ~is_ok
        found = {name: _column(file, path, name, kept) for name in names}
    return OkRows(pd.DataFrame(found, copy=False), others if is_ok.any() else {})


def texts_at(path: Path, name: str, places: Int64[np.ndarray, " row"]) -> np.ndarray:
    """A column of texts at some places among the rows with status `ok`, read a part at a time."""
    order, found, start = np.argsort(places), [], 0
    with _reading(path, SCORES_ARE), pq.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=["status", name]):
            is_ok = (batch.column("status").to_pandas() == "ok").to_numpy()
            texts = batch.column(name).filter(pa.array(is_ok))
            ends = np.searchsorted(places, (start, start + len(texts)), sorter=order)
            found.append(texts.take(pa.array(places[order[slice(*ends)]] - start)))
            start += len(texts)
    texts = np.empty(len(places), dtype=object)
    texts[order] = pa.chunked_array(found).to_pandas().to_numpy()
    return texts


def read_selection(path: Path) -> pd.DataFrame:
    return _read_table(path, SELECTION_COLUMNS, "the result of `workbench select`")


def score_columns(path: Path) -> list[str]:
    """The names of the columns of a scores table, read without its rows."""
    with _reading(path, SCORES_ARE):
        return pq.read_schema(path).names


def _read_table(path: Path, columns: set[str], expected: str) -> pd.DataFrame:
    with _reading(path, expected):
        table = pq.read_table(path)
    _check(table, path, columns, expected)
    return table.to_pandas()


@contextmanager
def _reading(path: Path, expected: str) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException) as err:
        what = f"{path} cannot be read as Parquet ({kind_of(err)})"
        raise InputError(what, expected=expected) from err


def _check(table: pa.Table, path: Path, columns: set[str], expected: str) -> None:
    if missing := sorted(columns - set(table.column_names)):
        raise InputError(f"{path} has no column {', '.join(missing)}", expected=expected)
    for name in table.column_names:
        if problem := _what_is_wrong(table, name):
            raise InputError(f"the column {name} of {path} {problem}", expected=expected)


def _column(
    file: pq.ParquetFile, path: Path, name: str, kept: Bool[np.ndarray, " row"] | None = None
) -> pd.Series:
    table = file.read(columns=[name], use_threads=False)
    _check(table, path, set(), SCORES_ARE)
    frame = table.to_pandas(split_blocks=True, self_destruct=True)
    del table
    # A table of pandas may call one of its columns the index.
    column = pd.Series(frame.get(name, frame.index))
    if kept is not None and not kept.all():
        column = pd.Series(column.array[kept], name=name, copy=False)
    pa.default_memory_pool().release_unused()
    return column


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
