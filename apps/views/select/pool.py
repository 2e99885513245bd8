"""The rows that the preview of a selection is drawn from, and what a selection is drawn by.

drawn_from = DrawnFrom(run)                     # one run of scores, or several combined
pool = preview_pool(table, texts, drawn_from)
options, left_out = pool.previewed(asked)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int64, UInt32

from apps.reading.runs import FoundRun
from apps.reading.scores import ScoreTable
from apps.reading.selecting import combined_rows, signatures_of, stamps_of
from apps.reading.texts import Texts
from workbench.data import LABELS, label_text
from workbench.selection import (
    LENGTH_BIN,
    LOSSES,
    N_LENGTH_BINS,
    counted,
    label_texts,
    parse_quotas,
)
from workbench.stages import SelectOptions

MOST_PREVIEWED = 20_000
MOST_COMBINED = 100_000
MOST_GROUPS = 50
GROUPS = ("source", "subject", "level", "n_steps")
COLUMNS = (
    "row_id",
    "row_index",
    "source",
    "n_tokens",
    "score",
    "score_within_length",
    "status",
    *LABELS,
    *LOSSES,
)


@dataclass(frozen=True)
class DrawnFrom:
    """A run of scores, the `others` that are combined with it, and how."""

    run: FoundRun
    others: tuple[FoundRun, ...] = ()
    how: str = "rank-mean"

    @property
    def paths(self) -> tuple[Path, ...]:
        return (self.run.result, *(other.result for other in self.others))


@dataclass(frozen=True)
class PreviewPool:
    """Scored rows to try a selection on: all of them, or an even sample of many (`share`).

    `measures` are the labels of difficulty that the rows carry, as numbers; `outside` columns that
    only the data have. `signed` is the table of scores whose texts can be compared for a preview,
    and `places` are those of the rows in it. `is_first_alone` where several scores were to be
    combined and the tables are too large to do so for a preview.
    """

    frame: pd.DataFrame
    share: float
    measures: Mapping[str, np.ndarray]
    outside: Mapping[str, pd.Series] = field(default_factory=dict)
    signed: Path | None = None
    places: Int64[np.ndarray, " row"] | None = None
    is_first_alone: bool = False

    @property
    def n_rows(self) -> int:
        return round(len(self.frame) / self.share)

    @property
    def n_tokens(self) -> int:
        return round(int(self.frame["n_tokens"].to_numpy().sum()) / self.share)

    @property
    def groups(self) -> list[str]:
        """Columns with few different values: of the scores, or else of the data."""
        return [name for name in GROUPS if 1 < self._n_different(name) <= MOST_GROUPS]

    @property
    def properties(self) -> list[str]:
        """What a selection can be made free of: length, the loss, and columns that differ."""
        known = ["loss"] * any(self._n_different(name) for name in LOSSES)
        known += ["source"] * (1 < self._n_different("source") <= MOST_GROUPS)
        labels = [name for name in LABELS if name in self.frame and name not in LOSSES]
        return ["length", *known, *(name for name in labels if self._n_different(name) > 1)]

    def column(self, name: str) -> pd.Series:
        """As `workbench select` reads it: out of the scores, or else out of the data."""
        return pd.Series(self.frame[name]) if name in self.frame else self.outside[name]

    def sizes(self, name: str) -> dict[str, int]:
        """How many rows there are of each group of a column that quotas can be of."""
        if name == LENGTH_BIN:
            each = round(self.n_rows / N_LENGTH_BINS)
            return {str(i + 1): each for i in range(N_LENGTH_BINS)}
        counts = counted(pd.Series(label_texts(self.column(name), label_text)))
        return {label: round(n / self.share) for label, n in counts.items()}

    def signatures(self) -> UInt32[np.ndarray, "row place"] | None:
        """Of the rows' texts."""
        if self.signed is None:
            return None
        return signatures_of(self.signed, stamps_of([self.signed]))[self.places]

    def previewed(self, asked: SelectOptions) -> tuple[SelectOptions, list[str]]:
        """The options for these rows, amounts scaled down, and what the preview leaves out."""
        left_out = ["near duplicates"] * (asked.near_duplicates is not None and not self.signed)
        if left_out:
            asked = dataclasses.replace(asked, near_duplicates=None)
        if self.share == 1:
            return asked, left_out
        cut: dict[str, Any] = {
            name: max(1, round(amount * self.share))
            for name in ("n", "tokens")
            if (amount := getattr(asked, name)) is not None
        }
        if most := asked.max_per_group:
            cut |= {"max_per_group": round(most * self.share) or None}
            left_out += ["the most a group may have"] * (cut["max_per_group"] is None)
        if quotas := parse_quotas(asked.quota):
            amounts = {name: round(n * self.share) for name, n in quotas.amounts.items()}
            is_seen = all(amounts[name] or not n for name, n in quotas.amounts.items())
            texts = [f"{quotas.column}={name}:{n}" for name, n in amounts.items()]
            cut |= {"quota": tuple(texts) if is_seen else ()}
            left_out += ["quotas"] * (not is_seen)
            # Rounded up each, they may be more than the budget rounded down.
            unit = "tokens" if asked.tokens else "n"
            if unit in cut or (asked.fraction is None and not is_seen):
                cut[unit] = max(1, cut.get(unit, 0), sum(amounts.values()))
        return dataclasses.replace(asked, **cut), left_out

    def _n_different(self, name: str) -> int:
        if name not in self.frame and name not in self.outside:
            return 0
        return int(self.column(name).nunique())


def preview_pool(
    table: ScoreTable, texts: Texts | None, drawn_from: DrawnFrom | None = None
) -> PreviewPool:
    """Up to 20,000 rows, so that every change of an option shows at once.

    Raises:
        InputError: The scores to be combined are not of the same rows.
    """
    is_small = table.n_rows <= MOST_COMBINED
    is_joined = drawn_from is not None and bool(drawn_from.others)
    if drawn_from is not None and is_joined and is_small:
        paths = drawn_from.paths
        rows = combined_rows(paths, stamps_of(paths), drawn_from.how)
        ok = np.flatnonzero((rows["status"] == "ok").to_numpy())
        places = table.sample(ok, MOST_PREVIEWED)
        frame = rows.iloc[places][[name for name in dict.fromkeys(COLUMNS) if name in rows]]
        frame = frame.reset_index(drop=True)
    else:
        ok = table.ok
        places = table.sample(ok, MOST_PREVIEWED)
        frame = table.rows(places, COLUMNS)
    labels = {name: frame[name].to_numpy(float) for name in LABELS if name in frame}
    return PreviewPool(
        frame,
        len(places) / max(1, len(ok)),
        {name: values for name, values in labels.items() if np.isfinite(values).any()},
        _outside(frame, texts),
        table.path if is_small and len(places) == len(ok) else None,
        places,
        is_first_alone=is_joined and not is_small,
    )


def _outside(frame: pd.DataFrame, texts: Texts | None) -> dict[str, pd.Series]:
    """Columns of the data that the scores lack; a row that has left the data has no value."""
    if texts is None:
        return {}
    rows = frame["row_index"].to_numpy()
    there = rows < texts.table.num_rows
    found = {}
    for name in ("subject", "level"):
        if name in frame or len(texts.labels(name)) < 2:
            continue
        values = np.full(len(rows), None, dtype=object)
        values[there] = [text or None for text in texts.table[name].take(rows[there]).to_pylist()]
        found[name] = pd.Series(values, name=name)
    return found
