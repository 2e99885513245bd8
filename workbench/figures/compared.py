"""Two results, or a selection and its controls, in one picture.

draws_compared({"selected": np.array([1.0, 2.0]), "random": np.array([1.0, 1.0])}, name="level")
rank_scatter(np.array([0.1, 0.9]), np.array([0.2, 0.8]), x="first", y="second")
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float

from workbench.figures.look import BLUE, GREY, ORANGE, VERMILION, framed

_MOST_VALUES, _N_BINS = 12, 8
_COLORS = (ORANGE, GREY, BLUE, VERMILION)
SIDES = {"both": GREY, "first only": BLUE, "second only": VERMILION, "neither": "#C8C8C8"}


def draws_compared(draws: Mapping[str, Any], *, name: str) -> go.Figure:
    """Shares of each value, or of each range of many numbers, side by side for several draws."""
    binned = _binned({key: pd.Series(values) for key, values in draws.items()})
    labels = list(dict.fromkeys(label for shares in binned.values() for label in shares.index))
    figure = framed(name, x=name, y="share of rows", height=280)
    for (key, shares), color in zip(binned.items(), _COLORS, strict=False):
        figure.add_bar(
            name=key,
            x=[html.escape(str(label)[:30]) for label in labels],
            y=[float(shares.to_dict().get(label, 0.0)) for label in labels],
            marker={"color": color},
            hovertemplate=f"%{{x}}: %{{y:.1%}} {html.escape(key)}<extra></extra>",
        )
    figure.update_xaxes(type="category", title_text=None)
    figure.update_yaxes(tickformat=".0%")
    figure.update_layout(barmode="group", bargap=0.25)
    return figure


def _binned(draws: Mapping[str, pd.Series]) -> dict[str, pd.Series]:
    """The share of every value; numbers of many values fall into eight ranges equally full."""
    every = pd.concat(list(draws.values())).dropna()
    known = sorted(every.unique().tolist())
    if len(known) <= _MOST_VALUES or not pd.api.types.is_numeric_dtype(every):
        top = every.value_counts().index[:_MOST_VALUES].tolist()
        order = [value for value in known if value in top]
        names = [f"{v:g}" if isinstance(v, float) else str(v) for v in order]
        shares = {k: d.value_counts(normalize=True).reindex(order) for k, d in draws.items()}
        return {key: pd.Series(s.fillna(0.0).to_numpy(), names) for key, s in shares.items()}
    edges = np.unique(np.quantile(every, np.linspace(0, 1, _N_BINS + 1)))
    names = [f"{a:.3g} to {b:.3g}" for a, b in pairwise(edges)]
    return {
        key: pd.Series(np.histogram(values.dropna(), bins=edges)[0] / max(1, values.count()), names)
        for key, values in draws.items()
    }


def rank_scatter(
    first: Float[np.ndarray, " item"],
    second: Float[np.ndarray, " item"],
    *,
    x: str,
    y: str,
    sides: Sequence[str] = (),
    names: Sequence[str] = (),
) -> go.Figure:
    """Every row or head by its place in two rankings; on the diagonal both agree.

    `sides` are keys of `SIDES`: in the chosen part of both, of one, of neither.
    """
    figure = framed("Places in both; the diagonal is agreement", x=x, y=y, height=420)
    of, texts = np.array(sides or ["both"] * len(first)), np.array(names or [""] * len(first))
    for side, color in SIDES.items():
        inside = of == side
        if inside.any():
            figure.add_scatter(
                name=side,
                x=first[inside],
                y=second[inside],
                text=[html.escape(text) for text in texts[inside]],
                hovertemplate="%{text}<br>%{x:.4g}, %{y:.4g}<extra></extra>",
                mode="markers",
                marker={"color": color, "size": 7, "opacity": 0.75},
            )
    ends = [float(min(first.min(), second.min())), float(max(first.max(), second.max()))]
    line = {"color": GREY, "dash": "dot", "width": 1}
    figure.add_scatter(x=ends, y=ends, mode="lines", line=line, hoverinfo="skip", showlegend=False)
    figure.update_layout(showlegend=len(sides) > 0)
    return figure
