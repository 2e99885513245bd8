"""Where the rows of a table stand, by their ids: 16 bytes a row beside the texts.

places = RowPlaces.of(selection["row_id"])
places.of_id("row-1")  # 0, or None
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

AT_ONCE = 2**16


def texts_of(column: pd.Series) -> pa.LargeStringArray:
    """A column of texts in one piece of memory, null where one is missing."""
    texts = pa.array(column, pa.large_string(), from_pandas=True)
    return texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts


@dataclass(frozen=True)
class RowPlaces:
    """The ids of a table, and the hash of each with its place, sorted by hash.

    A hash only says where to look: what is found there is compared as text.
    """

    ids: pa.LargeStringArray
    hashes: memoryview
    places: memoryview

    @classmethod
    def of(cls, row_ids: pd.Series) -> RowPlaces:
        """The places of these ids, as texts."""
        ids = texts_of(row_ids.astype(str))
        parts = (ids.slice(start, AT_ONCE).to_pylist() for start in range(0, len(ids), AT_ONCE))
        hashes = np.fromiter((hash(text) for part in parts for text in part), np.int64, len(ids))
        places = np.argsort(hashes, kind="stable")
        return cls(ids, hashes[places].data, places.data)

    def __len__(self) -> int:
        return len(self.ids)

    def of_id(self, row_id: str) -> int | None:
        """The place of the first row of this id; None where there is none."""
        wanted, hashes = hash(row_id), self.hashes
        at = bisect_left(hashes, wanted)
        while at < len(hashes) and hashes[at] == wanted:
            place = self.places[at]
            if self.ids[place].as_py() == row_id:
                return place
            at += 1
        return None

    @property
    def repeat(self) -> bool:
        """Whether an id is there twice."""
        hashes = np.asarray(self.hashes)
        alike = np.flatnonzero(hashes[1:] == hashes[:-1]) + 1
        return any(self.of_id(self.ids[p].as_py()) != p for p in np.asarray(self.places)[alike])


class Awaited:
    """Which rows of a table have not turned up yet. State: a byte of each."""

    def __init__(self, rows: RowPlaces) -> None:
        self._rows, self._is_missing, self.n = rows, bytearray(b"\1") * len(rows), len(rows)

    def take(self, place: int) -> bool:
        """Whether the row at this place is met for the first time."""
        is_first = bool(self._is_missing[place])
        self._is_missing[place] = 0
        self.n -= is_first
        return is_first

    def ids(self) -> list[str]:
        """The ids of rows that never turned up, in the order of the table."""
        kept = np.frombuffer(self._is_missing, dtype=bool)
        return self._rows.ids.filter(pa.array(kept)).to_pylist()
