"""How the numbers of a map become colours: as they are, without outliers, by logarithm, by rank.

A real model has a few heads that cost a hundred times what the others do; on a linear scale these
are the only ones with a colour.

scale = scale_of(np.array([-0.1, 0.0, 2.0]), "log", is_signed=True)
scale.of(np.array([0.5])), scale.ticks, scale.labels
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

SCALES = {
    "log": "equal steps of colour for equal factors, in both directions from 0",
    "linear": "as they are: outliers take all the colour",
    "robust": "as they are up to the 98th percentile of their size, and full colour beyond",
    "rank": "by their place among all, by size",
}
_ROBUST = 0.98
_N_TICKS = 4

Values = Float[np.ndarray, "..."]


class Scale(NamedTuple):
    """`of` turns numbers into what is coloured from `low` to `high`.

    `labels` say what number stands at each of the `ticks`; empty where colours are the numbers.
    """

    of: Callable[[Values], Values]
    low: float
    high: float
    ticks: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()


def scale_of(values: Values, name: str, *, is_signed: bool) -> Scale:
    """The scale of `SCALES` for these values; missing ones (NaN) do not count."""
    sizes = np.abs(values[np.isfinite(values)])
    sizes = np.sort(sizes[sizes > 0]) if np.any(sizes > 0) else np.ones(1)
    if name == "log":
        return _log(sizes, is_signed)
    if name == "rank":
        return _rank(sizes, is_signed)
    high = float(np.quantile(sizes, _ROBUST) if name == "robust" else sizes[-1])
    return Scale(lambda some: some, -high if is_signed else 0, high)


def _log(sizes: Float[np.ndarray, " value"], is_signed: bool) -> Scale:
    """Linear up to the median size, so that noise about 0 stays pale."""
    start, high = float(np.median(sizes)), float(sizes[-1])

    def of(some: Values) -> Values:
        return np.asarray(np.sign(some) * np.log1p(np.abs(some) / start))

    powers = 10.0 ** np.arange(np.ceil(np.log10(start)), np.floor(np.log10(high)) + 1)
    marks = [*powers[-_N_TICKS:-1], high] if len(powers) else [high]
    return _ticked(of, marks, float(of(np.array(high))), is_signed)


def _rank(sizes: Float[np.ndarray, " value"], is_signed: bool) -> Scale:
    def of(some: Values) -> Values:
        places = np.searchsorted(sizes, np.abs(some), side="right") / len(sizes)
        return np.asarray(np.where(np.isnan(some), np.nan, np.sign(some) * places))

    marks = [float(np.quantile(sizes, share, method="lower")) for share in (0.5, 0.9, 1.0)]
    return _ticked(of, marks, 1.0, is_signed)


def _ticked(
    of: Callable[[Values], Values], marks: list[float], high: float, is_signed: bool
) -> Scale:
    every = [*(-mark for mark in reversed(marks)), 0.0, *marks] if is_signed else [0.0, *marks]
    ticks = tuple(float(of(np.array(mark))) for mark in every)
    return Scale(of, -high if is_signed else 0, high, ticks, tuple(f"{mark:.2g}" for mark in every))
