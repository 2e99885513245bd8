"""The rows of an export while they stream by: marked, counted, those without an answer put aside.

tally = Tally()
rows = list(marked_rows(samples, marks_of(selection), "messages", tally, others=None))
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from workbench.config import finite_or_none
from workbench.data import to_format
from workbench.errors import InputError
from workbench.selection.layout import Layout, sample_layout
from workbench.selection.row_places import Awaited, RowPlaces
from workbench.types import BadRow, Sample

MARKS = ("_score", "_p", "_rank", "_row_id", "_repeat")
# The paper adds the selected part on top of the corpus.
REPEATS = 2


class Mark(NamedTuple):
    """What the selection says about one row."""

    score: float | None
    p: float
    rank: int


@dataclass(frozen=True)
class Marks:
    """The marks of all selected rows as columns, row for row with their ids; no score is NaN."""

    rows: RowPlaces
    scores: memoryview
    p: memoryview
    ranks: memoryview

    def __len__(self) -> int:
        return len(self.rows)

    def at(self, place: int) -> Mark:
        return Mark(finite_or_none(self.scores[place]), self.p[place], self.ranks[place])


@dataclass(frozen=True)
class ScoreOf:
    """The scores of a pool by row id, as columns."""

    rows: RowPlaces
    scores: memoryview

    def get(self, row_id: str) -> float | None:
        place = self.rows.of_id(row_id)
        return None if place is None else self.scores[place]


@dataclass
class Tally:
    """What has passed by while the rows stream: counted, because they are read only once.

    `n_several` rows hold more than one answer.
    """

    n_input: int = 0
    n_bad: int = 0
    before: dict[str, int] = field(default_factory=dict)
    after: dict[str, int] = field(default_factory=dict)
    layouts: set[Layout | None] = field(default_factory=set)
    n_prompt_only: int = 0
    n_several: int = 0


def marks_of(selection: pd.DataFrame) -> Marks:
    rows = RowPlaces.of(pd.Series(selection["row_id"]))
    if selection.empty or rows.repeat:
        what = "holds no rows" if selection.empty else "names a row_id more than once"
        raise InputError(f"the selection {what}", do="run workbench select again")
    ranks = selection["rank"].to_numpy(dtype=np.int64)
    return Marks(rows, numbers_of(selection, "score"), numbers_of(selection, "p"), ranks.data)


def numbers_of(table: pd.DataFrame, name: str) -> memoryview:
    """A column's floats, NaN where one is missing: Python's own, at a place, in 8 bytes each."""
    return pd.Series(table[name]).to_numpy(dtype=np.float64, na_value=np.nan).data


def marked_rows(
    samples: Iterable[Sample | BadRow],
    marks: Marks,
    fmt: str,
    tally: Tally,
    *,
    others: Mapping[str, float] | ScoreOf | None,
    put_aside: Callable[[dict[str, Any]], object] = lambda row: None,
    write_turns: Callable[[Sample, dict[str, int]], object] = lambda sample, repeat: None,
) -> Iterator[dict[str, Any]]:
    """The selected rows in the chosen format; `InputError` at the end if any did not turn up.

    With the scores of the `others` these are written too, and each row with its `_repeat`. A row
    without a completion is no example to learn from: it goes to `put_aside` and is counted, every
    other sample, with its `_repeat`, to `write_turns`.
    """
    awaited = Awaited(marks.rows)
    for sample in samples:
        tally.n_input += 1
        tally.before[sample.source] = tally.before.get(sample.source, 0) + 1
        if isinstance(sample, BadRow):
            tally.n_bad += 1
            continue
        place = marks.rows.of_id(sample.row_id)
        mark = marks.at(place) if place is not None and awaited.take(place) else None
        if mark is not None:
            tally.after[sample.source] = tally.after.get(sample.source, 0) + 1
        elif others is None:
            continue
        row = to_format(sample, fmt)
        repeat = {} if others is None else {"_repeat": 1 if mark is None else REPEATS}
        mark = mark or Mark(others.get(sample.row_id) if others else None, 0.0, 0)
        row = _marked(row, sample.row_id, mark) | repeat
        if sample.text is None and not sample.completion.strip():
            tally.n_prompt_only += 1
            put_aside(row)
            continue
        tally.layouts.add(sample_layout(sample, row, fmt))
        tally.n_several += [message.role for message in sample.messages].count("assistant") > 1
        write_turns(sample, repeat)
        yield row
    if awaited.n:
        raise InputError(
            f"{awaited.n} of {len(marks)} selected rows are not in the data "
            f"(first: row_id '{awaited.ids()[0]}')",
            expected="the data that was scored",
            do="pass the same data, or score and select again",
        )


def _marked(row: dict[str, Any], row_id: str, mark: Mark) -> dict[str, Any]:
    # An export can itself be selected from: the earlier marks are then original columns.
    kept = {f"original{key}" if key in MARKS else key: value for key, value in row.items()}
    return kept | {"_score": mark.score, "_p": mark.p, "_rank": mark.rank, "_row_id": row_id}
