"""A scores table of any size: filters, pages and labels over the columns of the Parquet file.

Columns are shared and never changed. A page turns only the rows it shows into a frame, so a million
rows cost megabytes a column and not a frame a session.

table = ScoreTable.open(path)
places = table.places(Where(score=(0.1, 0.2), sources=("gsm8k",)))
table.rows(table.page(places, order="score", limit=100))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float64, Int64

from apps.reading.columns import CODED, held, number_column, text_column
from apps.reading.sharing import shared
from apps.reading.texts import Texts
from workbench.errors import InputError

NEEDED = {"row_id", "row_index", "source", "n_tokens", "score", "status"}


@dataclass(frozen=True)
class Where:
    """Which scored rows are wanted; None and empty mean any. Ranges include both ends.

    `among` are row places found elsewhere, by a search in the texts or by hand.
    """

    score: tuple[float, float] | None = None
    tokens: tuple[int, int] | None = None
    sources: tuple[str, ...] = ()
    among: Int64[np.ndarray, " place"] | None = None


@dataclass(frozen=True)
class ScoreTable:
    """One version of a scores file; a place is a row's position in it."""

    path: Path
    changed: int
    columns: tuple[str, ...]
    n_rows: int

    @classmethod
    def open(cls, path: Path) -> ScoreTable:
        """Read the schema only; `InputError` if this is no scores table."""
        try:
            file = pq.ParquetFile(path)
        except (OSError, pa.ArrowInvalid) as err:
            raise InputError(f"{path.name} cannot be read as Parquet") from err
        with file:
            names = tuple(file.schema_arrow.names)
            n_rows = file.metadata.num_rows
        if missing := sorted(NEEDED - set(names)):
            raise InputError(f"{path.name} has no column {', '.join(missing)}")
        return cls(path, path.stat().st_mtime_ns, names, n_rows)

    def numbers(self, name: str) -> np.ndarray:
        """A column of numbers; missing ones are NaN."""
        return number_column(self.path, self.changed, name)

    def texts(self, name: str) -> pa.Array:
        return text_column(self.path, self.changed, name)

    def codes(self, name: str) -> tuple[np.ndarray, list[str]]:
        """A column of few different texts, as numbers and what they mean."""
        column = self.texts(name)
        return np.asarray(column.indices), [str(text) for text in column.dictionary.to_pylist()]

    @property
    def ok(self) -> Int64[np.ndarray, " place"]:
        """The places of the rows that have a score."""
        return _ok(self)

    def scored(self, name: str) -> np.ndarray:
        """A column of numbers at the rows that have a score."""
        return self.numbers(name)[self.ok]

    def labels(self, wanted: Sequence[str]) -> list[str]:
        """The columns of `wanted` with at least two different numbers."""
        return [name for name in wanted if name in self.columns and _varies(self.scored(name))]

    def places(self, where: Where) -> Int64[np.ndarray, " place"]:
        """The rows that fit, in the order of the table."""
        found = self.ok if where.among is None else np.intersect1d(self.ok, where.among)
        for name, span in (("score", where.score), ("n_tokens", where.tokens)):
            if span is not None:
                values = self.numbers(name)[found]
                found = found[(values >= span[0]) & (values <= span[1])]
        if where.sources:
            codes, names = self.codes("source")
            wanted = [i for i, name in enumerate(names) if name in where.sources]
            found = found[np.isin(codes[found], wanted)]
        return found

    def at_index(self, indices: Int64[np.ndarray, " row"]) -> Int64[np.ndarray, " place"]:
        """The places of rows of the data; a table has them in the order of the data as a rule."""
        own = self.numbers("row_index")
        inside = indices[indices < self.n_rows]
        if np.array_equal(own[inside], inside):
            return inside
        return np.flatnonzero(np.isin(own, indices))

    def find(self, name: str, wanted: Sequence[str]) -> Int64[np.ndarray, " place"]:
        """The places where a column of texts holds one of `wanted`."""
        return np.flatnonzero(held(self.texts(name), wanted))

    def rank_of(self, row_id: str, *, is_falling: bool = True) -> int | None:
        """The place of a row among all that have a score; None where it has none."""
        ordered = self.page(self.ok, order="score", descending=is_falling, limit=self.n_rows)
        found = np.flatnonzero(np.isin(ordered, self.find("row_id", [row_id])))
        return int(found[0]) + 1 if len(found) else None

    def containing(self, text: str, texts: Texts | None) -> Int64[np.ndarray, " place"]:
        """The scored rows with this id, or with these words where the texts are at hand."""
        found = self.find("row_id", [text])
        if texts is not None:
            found = np.union1d(found, self.at_index(texts.search(text)))
        return np.intersect1d(found, self.ok)

    def page(
        self,
        places: Int64[np.ndarray, " place"],
        *,
        order: str,
        descending: bool = True,
        limit: int,
        offset: int = 0,
    ) -> Int64[np.ndarray, " place"]:
        """Some of `places`, in the order of a column; equal values in the order of the table."""
        inside = np.zeros(self.n_rows, dtype=bool)
        inside[places] = True
        ordered = _order(self, order, descending=descending)
        return ordered[inside[ordered]][offset : offset + limit]

    def rows(self, places: Int64[np.ndarray, " place"], columns: Sequence[str]) -> pd.DataFrame:
        """These columns of these rows; a column that the table lacks is left out."""
        frame: dict[str, Any] = {}
        for name in columns:
            if name not in self.columns:
                continue
            if name == "row_id" or name in CODED:
                frame[name] = self.texts(name).take(pa.array(places)).to_pylist()
            else:
                frame[name] = self.numbers(name)[places]
        return pd.DataFrame(frame)

    def sample(self, places: Int64[np.ndarray, " place"], most: int) -> np.ndarray:
        """Up to `most` of `places`, evenly spread and the same ones every time."""
        if len(places) <= most:
            return places
        return places[np.linspace(0, len(places) - 1, most).astype(np.int64)]

    def share_below(self, name: str, value: float) -> float:
        """Share of scored rows whose `name` is lower."""
        return float((self.scored(name) < value).mean())

    def unscored(self) -> pd.DataFrame:
        """How many rows have no score, by status and reason."""
        missing = np.ones(self.n_rows, dtype=bool)
        missing[self.ok] = False
        rest = np.flatnonzero(missing)
        names = [name for name in ("status", "reason") if name in self.columns]
        table = pa.table({n: self.texts(n).take(pa.array(rest)).cast(pa.string()) for n in names})
        counted = table.group_by(names).aggregate([([], "count_all")])
        return counted.sort_by([("count_all", "descending")]).to_pandas()


def _varies(values: Float64[np.ndarray, " row"]) -> bool:
    finite = values[np.isfinite(values)]
    return len(finite) > 1 and bool(np.ptp(finite) > 0)


@shared(4)
def _ok(table: ScoreTable) -> Int64[np.ndarray, " place"]:
    codes, names = table.codes("status")
    wanted = names.index("ok") if "ok" in names else -1
    return np.flatnonzero((codes == wanted) & np.isfinite(table.numbers("score")))


@shared(12)
def _order(table: ScoreTable, name: str, *, descending: bool) -> Int64[np.ndarray, " place"]:
    values = table.numbers(name)
    return np.argsort(-values if descending else values, kind="stable")
