"""The rows that were scored, told by id and content: never by their place in a file.

    scored = scored_rows(scores, same_files=True)
    for row in scored.checked(samples): ...

A table keeps beside each `row_id` its `row_sha256`, a hash of the whole row. Tables of earlier
versions lack it: then the very files that were scored are taken, and rows whose id is that hash.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from workbench.data import row_content
from workbench.errors import InputError
from workbench.types import BadRow, Sample

CONTENT = "row_sha256"
DO = "pass the data as it was scored, or score and select again"


@dataclass(frozen=True)
class ScoredRows:
    """`contents` by row id, None where not kept; `same_files`: the data is the files scored."""

    contents: Mapping[str, str | None]
    same_files: bool

    def checked(self, rows: Iterable[Sample | BadRow]) -> Iterator[Sample | BadRow]:
        """`rows`; InputError at their end if one of a scored id is another row than was scored."""
        changed, unknown = [], []
        for row in rows:
            if isinstance(row, Sample) and row.row_id in self.contents:
                kept = self.contents[row.row_id]
                if kept is not None and kept != row_content(row.row):
                    changed.append(row.row_id)
                elif kept is None and not self._is_known(row):
                    unknown.append(row.row_id)
            yield row
        self._refuse(changed, "have another content than when they were scored")
        self._refuse(unknown, "were scored by a version that kept no hash of their content")

    def _is_known(self, row: Sample) -> bool:
        return self.same_files or row.row_id.startswith(row_content(row.row))

    def refuse_missing(self, missing: Collection[str]) -> None:
        """InputError if there are any."""
        self._refuse(sorted(missing), "are not in the data")

    def _refuse(self, row_ids: Collection[str], what: str) -> None:
        if row_ids:
            raise InputError(
                f"{len(row_ids)} of {len(self.contents)} scored rows {what} "
                f"(first: row_id '{next(iter(row_ids))}')",
                expected="the data that was scored",
                do=DO,
            )


def scored_rows(table: pd.DataFrame, *, same_files: bool) -> ScoredRows:
    """The rows of a scores or selection table; of scores, those with status `ok`."""
    if "status" in table:
        table = table.loc[table["status"] == "ok"]
    kept = table[CONTENT] if CONTENT in table else pd.Series([None] * len(table), dtype=object)
    contents = {
        str(row_id): str(content) if known else None
        for row_id, content, known in zip(table["row_id"], kept, kept.notna(), strict=True)
    }
    return ScoredRows(contents, same_files)
