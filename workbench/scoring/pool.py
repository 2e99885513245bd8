"""The scores of a whole pool out of the tables of its parts; no row of it is ever an object.

    from workbench.scoring.tables import row_frame

    part, method = Path("00000.parquet"), SCORERS["length"]
    pq.write_table(pa.Table.from_pandas(row_frame([], method), preserve_index=False), part)
    tables = list(pool_of([part], method, aside=Path("numbers.parquet")).tables())

What takes the whole pool takes columns of numbers, and is read of a table of the scored rows'
numbers that is written aside. Peak: a few columns, the ids while they are sorted, and 2^20 rows of
the final table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float64

from workbench.data import atomic_file
from workbench.scoring.method import Method
from workbench.scoring.within_length import score_within_length

GROUP_ROWS = 2**20
"""Rows of a row group, as Arrow cuts a table that is written at once."""
ASIDE_ROWS = 2**16
WITHIN = "score_within_length"


class StoredColumns:
    """The columns of a Parquet file, each read when it is asked for; `beside` are held."""

    def __init__(self, path: Path, beside: Mapping[str, np.ndarray] | None = None) -> None:
        self._path, self._beside = path, dict(beside or {})
        self._stored = pq.read_schema(path).names

    def __contains__(self, name: object) -> bool:
        return name in self._beside or name in self._stored

    def __getitem__(self, name: str) -> np.ndarray:
        if name in self._beside:
            return self._beside[name]
        return _read(self._path, [name])[name].to_numpy()


@dataclass(frozen=True)
class Pool:
    """What is known of the rows: counts by status, why others have no score, and the numbers.

    `scored` are the columns of the rows with status `ok`; `facts` is what a method says of how it
    made its scores over the pool.
    """

    parts: Sequence[Path]
    schema: pa.Schema
    counts: Mapping[str, int]
    reasons: pd.Series
    scored: StoredColumns
    added: Mapping[str, Float64[np.ndarray, " row"]]
    facts: Mapping[str, Any]

    def tables(self) -> Iterator[pa.Table]:
        """The final table, a row group at a time."""
        held: dict[str, list[pa.Array]] = {name: [] for name in self.schema.names}
        n_held = n_scored = 0
        for path in self.parts:
            part = _read(path).select([n for n in self.schema.names if n not in self.added])
            is_ok = _is_ok(part)
            stop = n_scored + int(is_ok.sum())
            for name in self.schema.names:
                if name in self.added:
                    column = np.full(len(part), np.nan)
                    column[is_ok] = self.added[name][n_scored:stop]
                    held[name].append(pa.array(column, from_pandas=True))
                else:
                    whole = part[name].cast(self.schema.field(name).type)
                    held[name] += whole.chunks
            n_scored, n_held = stop, n_held + len(part)
            while n_held >= GROUP_ROWS:
                yield _taken(held, self.schema, GROUP_ROWS)
                n_held -= GROUP_ROWS
        if n_held:
            yield _taken(held, self.schema, n_held)


def pool_of(parts: Sequence[Path], method: Method, *, aside: Path) -> Pool:
    """The pool of all parts, in their order; `aside` is written, and read as long as it is used."""
    counts, reasons = Counter[str](), list[pa.ChunkedArray]()
    # A column that is all null in one part takes its type from the others.
    schema = pa.unify_schemas([pq.read_schema(path) for path in parts])
    numbers = pa.schema([f for f in schema if pa.types.is_floating(f.type) or f.name == "n_tokens"])
    ids, waiting = list[pa.Array](), list[pa.Table]()
    with atomic_file(aside) as file, pq.ParquetWriter(file, numbers) as writer:
        for path in parts:
            part = _read(path)
            for value in part["status"].value_counts().to_pylist():
                counts[value["values"]] += value["counts"]
            is_ok = _is_ok(part)
            reasons.append(part["reason"].filter(pa.array(~is_ok)))
            scored = part.filter(pa.array(is_ok))
            ids += scored["row_id"].chunks
            waiting.append(scored.select(numbers.names).cast(numbers))
            if sum(map(len, waiting)) >= ASIDE_ROWS or path == parts[-1]:
                writer.write_table(pa.concat_tables(waiting))
                waiting.clear()
    scored, added, facts = StoredColumns(aside), dict[str, np.ndarray](), dict[str, Any]()
    if method.over_pool and counts["ok"]:
        frame = pd.DataFrame({name: scored[name] for name in ("score", *method.columns)})
        added["score"], facts = method.over_pool(frame)
    scores = added.get("score", scored["score"])
    row_ids = pa.chunked_array(ids, schema.field("row_id").type)
    added[WITHIN] = score_within_length(scores, scored["n_tokens"], row_ids)
    place = schema.get_field_index("score") + 1
    return Pool(
        parts,
        schema.insert(place, pa.field(WITHIN, pa.float64())),
        dict(sorted(counts.items())),
        pa.chunked_array(reasons, schema.field("reason").type).to_pandas(),
        StoredColumns(aside, added),
        added,
        facts,
    )


def _read(path: Path, columns: list[str] | None = None) -> pa.Table:
    with pq.ParquetFile(path) as file:
        return file.read(columns)


def _is_ok(part: pa.Table) -> np.ndarray:
    return part["status"].to_numpy() == "ok"


def _taken(held: dict[str, list[pa.Array]], schema: pa.Schema, n_rows: int) -> pa.Table:
    """The first rows of what is held, column by column in one piece, and no longer held."""
    columns = []
    for field in schema:
        whole = pa.concat_arrays(held[field.name])
        held[field.name] = [pa.concat_arrays([whole[n_rows:]])] if len(whole) > n_rows else []
        columns.append(whole[:n_rows])
    return pa.table(columns, schema=schema)
