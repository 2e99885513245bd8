"""How far a score follows length, loss or a label of difficulty.

table = correlations(frame, columns=["paper", "cv2"], labels=["n_steps"])
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from jaxtyping import Float64
from numpy.typing import ArrayLike

from workbench.data import LABELS


def spearman(x: ArrayLike, y: ArrayLike) -> float | None:
    """Spearman's rank correlation; None with fewer than 3 pairs or a constant.

    Pairs with a missing value are left out.
    """
    a, b = _pairs(x, y)
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(np.corrcoef(_ranks(a), _ranks(b))[0, 1])


def partial_spearman(x: ArrayLike, y: ArrayLike, *held: ArrayLike) -> float | None:
    """Spearman's correlation of x and y with all of `held` fixed (partial correlation of ranks)."""
    return _partial(*_pairs(x, y, *held))


def _partial(
    a: Float64[np.ndarray, " pair"],
    b: Float64[np.ndarray, " pair"],
    *held: Float64[np.ndarray, " pair"],
) -> float | None:
    """One variable after the other is held fixed, by the formula for one."""
    if not held:
        return spearman(a, b)
    *others, c = held
    xy, xz, yz = (_partial(*pair, *others) for pair in ((a, b), (a, c), (b, c)))
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
    frame: pd.DataFrame, *, columns: Sequence[str], labels: Sequence[str], loss: str | None = None
) -> list[dict[str, float | str | int | None]]:
    """One record a score column: its correlation with `n_tokens`, and with each label.

    `LABEL` is raw, `LABEL|length` with length held fixed, and where `loss` names a column that goes
    with the rows' loss `LABEL|length,loss` with both. `frame` has `n_tokens`, the score columns and
    the labels; rows without a score are left out.
    """
    table = []
    for column in columns:
        record: dict[str, float | str | int | None] = {
            "score": column,
            "n": int(np.isfinite(frame[column].to_numpy(dtype=np.float64)).sum()),
            "length": spearman(frame[column], frame["n_tokens"]),
        }
        if loss:
            record["length|loss"] = partial_spearman(frame[column], frame["n_tokens"], frame[loss])
        for label in labels:
            pair, length = (frame[column], frame[label]), frame["n_tokens"]
            record[label] = spearman(*pair)
            record[f"{label}|length"] = partial_spearman(*pair, length)
            if loss and label != loss:
                record[f"{label}|length,loss"] = partial_spearman(*pair, length, frame[loss])
        table.append(record)
    return table


def numeric_labels(frame: pd.DataFrame, wanted: Sequence[str] = LABELS) -> list[str]:
    """The columns of `wanted` that hold at least two different numbers."""
    return [name for name in wanted if name in frame and _is_label(frame[name].to_numpy())]


def known_loss(frame: pd.DataFrame, of_method: str | None) -> str | None:
    """The column that goes with the loss of the rows: `loss`, or the method's own; None if none.

    It is held fixed by its ranks, so its sign and unit do not matter.
    """
    return next(iter(numeric_labels(frame, [name for name in ("loss", of_method) if name])), None)


def _is_label(values: np.ndarray) -> bool:
    return np.issubdtype(values.dtype, np.number) and len(np.unique(values[~np.isnan(values)])) > 1
