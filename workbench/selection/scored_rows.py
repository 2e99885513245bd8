"""The rows that were scored, told by id and content: never by their place in a file.

    scored = scored_rows(scores, same_files=True)
    for row in scored.checked(samples): ...

A table keeps beside each `row_id` its `row_sha256`, a hash of the whole row. Tables of earlier
versions lack it: then the very files that were scored are taken, and rows whose id is that hash.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from workbench.data import row_content
from workbench.errors import InputError
from workbench.selection.row_places import Awaited, RowPlaces, texts_of
from workbench.types import BadRow, Sample

CONTENT = "row_sha256"
DO = "pass the data as it was scored, or score and select again"


@dataclass(frozen=True)
class ScoredRows:
    """`contents` row for row, null where not kept; `same_files`: the data is the files scored."""

    rows: RowPlaces
    contents: pa.LargeStringArray
    same_files: bool

    def checked(self, rows: Iterable[Sample | BadRow]) -> Iterator[Sample | BadRow]:
        """`rows`; InputError at their end if one of a scored id is another row than was scored."""
        changed, unknown = [], []
        for row in rows:
            if isinstance(row, Sample) and (place := self.rows.of_id(row.row_id)) is not None:
                kept = self.contents[place].as_py()
                if kept is not None and kept != row_content(row.row):
                    changed.append(row.row_id)
                elif kept is None and not self._is_known(row):
                    unknown.append(row.row_id)
            yield row
        self._refuse(changed, "have another content than when they were scored")
        self._refuse(unknown, "were scored by a version that kept no hash of their content")

    def _is_known(self, row: Sample) -> bool:
        return self.same_files or row.row_id.startswith(row_content(row.row))

    def refuse_missing(self, awaited: Awaited) -> None:
        """InputError if one has not turned up."""
        self._refuse(sorted(awaited.ids()), "are not in the data")

    def _refuse(self, row_ids: Collection[str], what: str) -> None:
        if row_ids:
            raise InputError(
                f"{len(row_ids)} of {len(self.rows)} scored rows {what} "
                f"(first: row_id '{next(iter(row_ids))}')",
                expected="the data that was scored",
                do=DO,
            )


def scored_rows(table: pd.DataFrame, *, same_files: bool) -> ScoredRows:
    """The rows of a scores or selection table; of scores, those with status `ok`."""
    if "status" in table:
        table = table.loc[table["status"] == "ok"]
    rows = RowPlaces.of(pd.Series(table["row_id"]))
    if CONTENT in table:
        contents = texts_of(pd.Series(table[CONTENT]))
    else:
        contents = pa.nulls(len(table), pa.large_string())
    return ScoredRows(rows, contents, same_files)
