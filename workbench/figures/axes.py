"""Along what the scores of a pool are drawn: as they are, by factors, or by place among all rows.

axis = axis_of(scores, "log")
axis.back(axis.to(np.array([0.5]))), axis.ticks, axis.labels
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

AXES = {
    "linear": "scores as they are",
    "log": "equal steps for equal factors; for scores of at least 0",
    "percentile": "by place among all rows, with the score as height",
}
SHARES = (0, 10, 25, 50, 75, 90, 99, 100)

Values = Float[np.ndarray, "..."]


class Axis(NamedTuple):
    """`to` turns scores into places on the axis, `back` the other way; `labels` name the `ticks`.

    Without ticks the places are the scores themselves.
    """

    to: Callable[[Values], Values]
    back: Callable[[Values], Values]
    ticks: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()


def axes_for(scores: Float[np.ndarray, " row"]) -> list[str]:
    """The names of `AXES` that these scores can be drawn along."""
    return [name for name in AXES if name != "log" or (scores.min() >= 0 and scores.max() > 0)]


def axis_of(scores: Float[np.ndarray, " row"], name: str) -> Axis:
    """The axis `name` for these scores, none of them missing."""
    if name == "log":
        return _log(scores)
    if name == "percentile":
        return _percentile(np.sort(scores))
    return Axis(lambda some: some, lambda some: some)


def _log(scores: Float[np.ndarray, " row"]) -> Axis:
    """A score of 0 stands with the smallest above it."""
    least = float(scores[scores > 0].min())
    low, high = np.log10(least), np.log10(float(scores.max()))
    powers = np.arange(np.ceil(low), np.floor(high) + 1)
    ticks = powers if len(powers) > 1 else np.linspace(low, high, 4)
    labels = tuple(f"{10**tick:.3g}" for tick in ticks)
    return Axis(
        lambda some: np.asarray(np.log10(np.maximum(some, least))),
        lambda some: np.asarray(10.0**some),
        tuple(float(tick) for tick in ticks),
        labels,
    )


def _percentile(ordered: Float[np.ndarray, " row"]) -> Axis:
    """From 0 for the lowest to 100 for the highest; equal scores have one place, their middle."""
    places = np.linspace(0, 100, len(ordered))

    def to(some: Values) -> Values:
        first, last = (np.searchsorted(ordered, some, side=side) for side in ("left", "right"))
        middle = (first + np.maximum(first, last - 1)) / 2
        return np.asarray(100 * middle / max(1, len(ordered) - 1))

    def back(some: Values) -> Values:
        return np.asarray(np.interp(some, places, ordered))

    return Axis(to, back, tuple(map(float, SHARES)), tuple(f"{share} %" for share in SHARES))
