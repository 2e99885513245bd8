"""Parquet columns for rows whose types nobody wrote down.

Rows may be more than memory holds, and the type of a column is known only after the last of them.
So each chunk is typed by itself and put aside on disk, then all are written in the common type.

    with Path("rows.parquet").open("wb") as file:
        n_rows, json_columns = write_inferred(file, chunks, spool_folder=Path("."))
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

from workbench.data.plain import json_bytes

Chunk = list[Mapping[str, Any]]
MOST_NESTED = 32
"""Levels of lists and objects that a column may have: Arrow itself ends at 64."""


class Columns:
    """The types seen so far, and the columns that have none but JSON text."""

    def __init__(self) -> None:
        self.types: dict[str, pa.DataType] = {}
        self.json: set[str] = set()

    def add(self, name: str, seen: pa.DataType | None) -> None:
        """Note that a chunk holds `name` as `seen`; None is a column without an Arrow type."""
        if name in self.json:
            return
        merged = None if seen is None else _merged(self.types.get(name, pa.null()), seen)
        if merged is None:
            self.json.add(name)
        self.types[name] = pa.string() if merged is None else merged

    @property
    def schema(self) -> pa.Schema:
        return pa.schema(list(self.types.items()))


def write_inferred(
    file: IO[bytes], chunks: Iterable[Chunk], *, spool_folder: Path
) -> tuple[int, tuple[str, ...]]:
    """Write all chunks as one Parquet file; returns the row count and the JSON text columns."""
    columns = Columns()
    n_rows = 0
    ends: list[tuple[int, frozenset[str]]] = []
    with tempfile.TemporaryFile(dir=spool_folder) as spool:
        for chunk in chunks:
            table, as_json = _typed(chunk, columns)
            with ipc.new_stream(spool, table.schema) as stream:
                stream.write_table(table)
            ends.append((spool.tell(), as_json))
            n_rows += len(chunk)
        _write_spooled(file, spool, ends, columns)
    return n_rows, tuple(name for name in columns.types if name in columns.json)


def _typed(chunk: Chunk, columns: Columns) -> tuple[pa.Table, frozenset[str]]:
    arrays: dict[str, pa.Array] = {}
    as_json: set[str] = set()
    for name in dict.fromkeys(name for row in chunk for name in row):
        values = [row.get(name) for row in chunk]
        array = _array(values)
        columns.add(name, None if array is None else array.type)
        if array is None:
            as_json.add(name)
            array = _json_array(values)
        arrays[name] = array
    # A chunk whose rows have no columns at all still has rows.
    table = pa.table(arrays) if arrays else pa.table({"": pa.nulls(len(chunk))}).select([])
    return table, frozenset(as_json)


def _array(values: list[Any]) -> pa.Array | None:
    keys = {frozenset(value) for value in values if isinstance(value, Mapping)}
    if len(keys) > 1:
        # Arrow would give every object the keys of all others.
        return None
    try:
        array = pa.array(values)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        return None
    return array if _is_writable(array.type) else None


def _is_writable(seen: pa.DataType, depth: int = 0) -> bool:
    """Whether Parquet has the type: no object without keys, and no nest without a bottom."""
    if depth > MOST_NESTED:
        return False
    if pa.types.is_struct(seen):
        fields = [seen.field(i).type for i in range(seen.num_fields)]
        return bool(fields) and all(_is_writable(field, depth + 1) for field in fields)
    return not pa.types.is_list(seen) or _is_writable(seen.value_type, depth + 1)


def _json_array(values: Iterable[Any]) -> pa.Array:
    return pa.array([None if v is None else json_bytes(v).decode() for v in values], pa.string())


def _merged(first: pa.DataType, second: pa.DataType) -> pa.DataType | None:
    both_structs = pa.types.is_struct(first) and pa.types.is_struct(second)
    if both_structs and {f.name for f in first} != {f.name for f in second}:
        return None
    schemas = [pa.schema([("column", kind)]) for kind in (first, second)]
    try:
        return pa.unify_schemas(schemas, promote_options="permissive").field("column").type
    except pa.ArrowException:
        return None


def _write_spooled(
    file: IO[bytes],
    spool: IO[bytes],
    ends: list[tuple[int, frozenset[str]]],
    columns: Columns,
) -> None:
    spool.seek(0)
    schema = columns.schema
    with pq.ParquetWriter(file, schema) as writer:
        start = 0
        for end, as_json in ends:
            spool.seek(start)
            with ipc.open_stream(spool) as stream:
                table = stream.read_all()
            arrays = [_fitted(table, field, columns.json - as_json) for field in schema]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            start = end


def _fitted(table: pa.Table, field: pa.Field, to_json: set[str]) -> pa.ChunkedArray | pa.Array:
    if field.name not in table.column_names:
        return pa.nulls(table.num_rows, field.type)
    column = table.column(field.name)
    if field.name in to_json:
        return _json_array(column.to_pylist())
    # Whole numbers beyond 2^53 that stand beside fractions lose their last digits, as in JSON.
    return column.cast(field.type, safe=False)
