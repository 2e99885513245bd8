"""Which rows a stage may see: where to look for pivots, how to validate, and what to test on.

A row's part follows from its id alone, so no stage can see another's rows, whatever is drawn with
whatever seed, and every seed is tested on the same rows.

    task = parse_where("n_steps=5..8")
    rows = draw_rows(pool, TEST, where=task, n=200, seed=0)
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from workbench.data import label_number
from workbench.errors import InputError
from workbench.types import Sample

LOCALIZE, VALIDATE, TEST = "localize", "validate", "test"
# Tenths of all rows.
PARTS = {LOCALIZE: range(5), VALIDATE: range(5, 7), TEST: range(7, 10)}


@dataclass(frozen=True)
class Where:
    """Rows whose `column` lies between two numbers, ends included, or equals a text."""

    column: str
    low: float | None = None
    high: float | None = None
    text: str | None = None

    def holds(self, sample: Sample) -> bool:
        value = sample.row.get(self.column)
        if self.low is None or self.high is None:
            return str(value) == self.text
        number = label_number(value)
        return number is not None and self.low <= number <= self.high

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.column}={self.text}"
        ends = f"{self.low:g}" if self.low == self.high else f"{self.low:g}..{self.high:g}"
        return f"{self.column}={ends}"


def parse_where(text: str) -> Where:
    """`n_steps=5..8`, `level=3` or `subject=Algebra`; InputError for anything else."""
    column, equals, value = text.partition("=")
    if not (column.strip() and equals and value.strip()):
        raise InputError(
            f"the rows are chosen by '{text}'",
            expected="COLUMN=VALUE or COLUMN=LOW..HIGH",
            do="pass, for example, --where n_steps=5..8",
        )
    low, dots, high = value.partition("..")
    try:
        return Where(column.strip(), float(low), float(high if dots else low))
    except ValueError:
        return Where(column.strip(), text=value.strip())


def part_of(row_id: str) -> str:
    """The part that a row belongs to, by a hash of its id."""
    tenth = int(hashlib.sha256(row_id.encode()).hexdigest()[:8], 16) % 10
    return next(part for part, tenths in PARTS.items() if tenth in tenths)


def draw_rows(
    samples: Sequence[Sample], part: str, *, n: int, seed: int, where: Where | None = None
) -> list[Sample]:
    """At most `n` rows of `part`, at random, in their own order; InputError without any."""
    fits = [s for s in samples if part_of(s.row_id) == part and (where is None or where.holds(s))]
    if not fits:
        which = f" with {where}" if where else ""
        raise InputError(
            f"none of the {len(samples)} rows{which} is in the part '{part}'",
            expected="rows of every part (half to localize, a fifth to validate, the rest to test)",
            do="pass more rows" if where is None else "pass more rows or another --where",
        )
    order = np.random.default_rng(seed).permutation(len(fits))[:n]
    return [fits[i] for i in sorted(order.tolist())]


def outside(samples: Sequence[Sample], where: Where | None) -> list[Sample]:
    """The rows that are not of the task."""
    return [] if where is None else [s for s in samples if not where.holds(s)]


def label_of(sample: Sample, column: str | None) -> Any:
    """A row's label in `column`, None without one."""
    return None if column is None else sample.row.get(column)
