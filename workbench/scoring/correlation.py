"""How far a score follows length, loss or a label of difficulty.

table = correlations(frame, columns=["paper", "cv2"], labels=["n_steps"])
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float64
from numpy.typing import ArrayLike

from workbench.data import LABELS


@runtime_checkable
class Columns(Protocol):
    """A table of columns by name: a data frame, or one that reads each as it is asked for."""

    def __contains__(self, name: Any, /) -> bool: ...

    def __getitem__(self, name: Any, /) -> Any: ...


def spearman(x: ArrayLike, y: ArrayLike) -> float | None:
    """Spearman's rank correlation; None with fewer than 3 pairs or a constant.

    Pairs with a missing value are left out.
    """
    a, b = _pairs(x, y)
    return _of_ranks(a, b)


def _of_ranks(a: Float64[np.ndarray, " pair"], b: Float64[np.ndarray, " pair"]) -> float | None:
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(np.corrcoef(_ranks(a), _ranks(b))[0, 1])


def partial_spearman(x: ArrayLike, y: ArrayLike, *held: ArrayLike) -> float | None:
    """Spearman's correlation of x and y with all of `held` fixed (partial correlation of ranks)."""
    names = [str(number) for number in range(2 + len(held))]
    return Correlated(dict(zip(names, (x, y, *held), strict=True))).of(*names)


class Correlated:
    """Spearman's correlations of columns of a table, two columns in memory at a time.

    State: which columns have gaps, and what was measured, each pair once.
    """

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self._gaps: dict[str, bool] = {}
        self._known: dict[tuple[frozenset[str], str, str], float | None] = {}

    def of(self, x: str, y: str, *held: str) -> float | None:
        """Of two columns, with `held` fixed, over the rows that have all of them."""
        gaps = frozenset(name for name in (x, y, *held) if self._has_gaps(name))
        return self._partial(gaps, x, y, *held)

    def _partial(self, gaps: frozenset[str], x: str, y: str, *held: str) -> float | None:
        """One variable after the other is held fixed, by the formula for one."""
        if not held:
            return self._pair(gaps, x, y)
        *others, z = held
        pairs = ((x, y), (x, z), (y, z))
        return _unmixed(*(self._partial(gaps, *pair, *others) for pair in pairs))

    def _pair(self, gaps: frozenset[str], x: str, y: str) -> float | None:
        asked = (gaps, x, y)
        if asked not in self._known:
            kept = self._kept(gaps)
            a, b = (self._numbers(name)[kept] for name in (x, y))
            self._known[asked] = _of_ranks(a, b)
        return self._known[asked]

    def _kept(self, gaps: frozenset[str]) -> Bool[np.ndarray, " row"] | slice:
        """The rows in which none of these columns is missing."""
        kept: Any = slice(None)
        for name in gaps:
            there = np.isfinite(self._numbers(name))
            kept = there if isinstance(kept, slice) else kept & there
        return kept

    def _has_gaps(self, name: str) -> bool:
        if name not in self._gaps:
            self._gaps[name] = not np.isfinite(self._numbers(name)).all()
        return self._gaps[name]

    def _numbers(self, name: str) -> Float64[np.ndarray, " row"]:
        return np.asarray(self._columns[name], dtype=np.float64)


def _unmixed(xy: float | None, xz: float | None, yz: float | None) -> float | None:
    """The correlation of x and y with z held fixed, from those of the three pairs."""
    if xy is None:
        return None
    if xz is None or yz is None:
        return xy
    unexplained = (1 - xz**2) * (1 - yz**2)
    return None if unexplained < 1e-9 else float((xy - xz * yz) / np.sqrt(unexplained))


def _pairs(*columns: ArrayLike) -> list[Float64[np.ndarray, " pair"]]:
    """The columns as numbers, without the places where any is missing."""
    table = np.array([np.asarray(column, dtype=np.float64) for column in columns])
    return list(table[:, np.isfinite(table).all(axis=0)])


def _ranks(values: Float64[np.ndarray, " pair"]) -> Float64[np.ndarray, " pair"]:
    """Ranks with ties averaged."""
    return pd.Series(values).rank().to_numpy()


def correlations(
    frame: Columns, *, columns: Sequence[str], labels: Sequence[str], loss: str | None = None
) -> list[dict[str, float | str | int | None]]:
    """One record a score column: its correlation with `n_tokens`, and with each label.

    `LABEL` is raw, `LABEL|length` with length held fixed, and where `loss` names a column that goes
    with the rows' loss `LABEL|length,loss` with both. `frame` has `n_tokens`, the score columns and
    the labels; rows without a score are left out.
    """
    table, found = [], Correlated(frame)
    for column in columns:
        record: dict[str, float | str | int | None] = {
            "score": column,
            "n": int(np.isfinite(np.asarray(frame[column], dtype=np.float64)).sum()),
            "length": found.of(column, "n_tokens"),
        }
        if loss:
            record["length|loss"] = found.of(column, "n_tokens", loss)
        for label in labels:
            record[label] = found.of(column, label)
            record[f"{label}|length"] = found.of(column, label, "n_tokens")
            if loss and label != loss:
                record[f"{label}|length,loss"] = found.of(column, label, "n_tokens", loss)
        table.append(record)
    return table


def numeric_labels(frame: Columns, wanted: Sequence[str] = LABELS) -> list[str]:
    """The columns of `wanted` that hold at least two different numbers."""
    return [name for name in wanted if name in frame and _is_label(np.asarray(frame[name]))]


def known_loss(frame: Columns, of_method: str | None) -> str | None:
    """The column that goes with the loss of the rows: `loss`, or the method's own; None if none.

    It is held fixed by its ranks, so its sign and unit do not matter.
    """
    return next(iter(numeric_labels(frame, [name for name in ("loss", of_method) if name])), None)


def _is_label(values: np.ndarray) -> bool:
    if not np.issubdtype(values.dtype, np.number):
        return False
    there = values[~np.isnan(values)]
    return len(there) > 0 and bool(there.min() < there.max())
