"""The numbers that figures draw, apart from drawing: counts, quartiles, likeliest tokens, rises.

edges, counts = histogram(scores, (0.0, 1.0), 60)
rise = rise_of(before, after, first=12)      # losses of one text, with and without some heads
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Int64

FEW_VALUES = 20
N_BINS = 10
# Nats by which a token's loss has to rise before the token counts as harder.
SUFFERS = 0.1
ALWAYS_SHOWN = 3


def histogram(
    values: Float[np.ndarray, " row"], span: tuple[float, float], bins: int
) -> tuple[Float[np.ndarray, " edge"], Int64[np.ndarray, " bin"]]:
    """Edges over `span` and the number of `values` in each bin."""
    low, high = span
    counts, edges = np.histogram(values, bins=bins, range=(low, high if high > low else low + 1))
    return edges, counts


def quartiles_by_label(
    label: Float[np.ndarray, " row"], score: Float[np.ndarray, " row"]
) -> pd.DataFrame:
    """Quartiles of the score at each value of a label; a label of many values in ten bins.

    The frame has `label`, `q25`, `median`, `q75` and `rows`, as `score_against_label` draws it.
    """
    known = np.isfinite(label) & np.isfinite(score)
    frame = pd.DataFrame({"label": label[known], "score": score[known]})
    if len(set(frame["label"])) > FEW_VALUES:
        bins = pd.qcut(frame["label"], N_BINS, duplicates="drop")
        frame["label"] = frame.groupby(bins, observed=True)["label"].transform("median")
    grouped = frame.groupby("label")["score"]
    parts = {"q25": 0.25, "median": 0.5, "q75": 0.75}
    quartiles = {name: grouped.quantile(share) for name, share in parts.items()}
    return pd.DataFrame({**quartiles, "rows": grouped.size()}).reset_index()


def likeliest(
    before: Float[np.ndarray, " vocab"],
    after: Float[np.ndarray, " vocab"],
    n: int,
    *,
    least: float = 0.0,
) -> list[int]:
    """The ids of up to `n` tokens that are likeliest in either, the likeliest first.

    Tokens below the chance `least` in both are left out, but three always stand.
    """
    best = np.maximum(before, after)
    order = np.argsort(-best, kind="stable")[:n]
    return [int(i) for place, i in enumerate(order) if place < ALWAYS_SHOWN or best[i] >= least]


class Rise(NamedTuple):
    """What some heads cost on the tokens of a solution, in nats: by token, and summed up."""

    by_token: Float[np.ndarray, " pos"]
    base: float
    mean: float
    share: float

    @property
    def worst(self) -> int:
        """The place of the token whose loss rises most."""
        return int(self.by_token.argmax())


def rise_of(
    before: Float[np.ndarray, " all_pos"], after: Float[np.ndarray, " all_pos"], *, first: int
) -> Rise | None:
    """The rise of the loss from token `first` on; None where no token is left.

    `share` is that of tokens whose loss rises by more than 0.1 nat.
    """
    by_token = after[first:] - before[first:]
    if not len(by_token):
        return None
    share = float((by_token > SUFFERS).mean())
    return Rise(by_token, float(before[first:].mean()), float(by_token.mean()), share)
