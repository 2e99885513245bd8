"""A scored pool and what was chosen from it: distributions, and the pull of length.

score_histogram(scores), score_against_length(frame), selected_against_pool(pool, chosen)
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float

from workbench.figures.look import BLUE, GREY, ORANGE, VERMILION, framed

_BINS = 40
_MANY_POINTS = 5_000


def score_histogram(scores: Float[np.ndarray, " row"], *, name: str) -> go.Figure:
    """How the scores of a pool are spread, with the median."""
    figure = framed("Scores of the pool", x=name, y="rows")
    figure.add_histogram(x=scores, nbinsx=_BINS, marker={"color": BLUE}, showlegend=False)
    if len(scores):
        middle = float(np.median(scores))
        line = {"dash": "dash", "color": VERMILION}
        text = f"median {middle:.3g}"
        figure.add_vline(x=middle, line=line, annotation_text=text, annotation_position="top")
    figure.update_layout(bargap=0.03)
    return figure


def score_against_length(
    frame: pd.DataFrame, *, name: str, selected: Sequence[str] = ()
) -> go.Figure:
    """Each row's score over its number of tokens; `selected` row ids stand out.

    A band that rises or falls says that the score measures length as well.
    """
    figure = framed("Score against length; flat is free of length", x="tokens", y=name)
    # WebGL draws many points faster, but is slow to start and missing on some machines.
    trace = go.Scattergl if len(frame) > _MANY_POINTS else go.Scatter
    is_selected = frame["row_id"].isin(list(selected))
    groups = (
        ("not selected" if len(selected) else "rows", frame[~is_selected], GREY, "circle", 6),
        ("selected", frame[is_selected], VERMILION, "diamond", 9),
    )
    for label, part, color, symbol, size in groups:
        if len(part):
            figure.add_trace(
                trace(
                    name=label,
                    x=part["n_tokens"],
                    y=part["score"],
                    customdata=part["row_index"],
                    hovertemplate="row %{customdata}<br>%{x} tokens, %{y:.4g}<extra></extra>",
                    mode="markers",
                    marker={"color": color, "size": size, "opacity": 0.7, "symbol": symbol},
                )
            )
    figure.update_layout(showlegend=bool(len(selected)))
    return figure


def selected_against_pool(
    pool: Float[np.ndarray, " row"], selected: Float[np.ndarray, " chosen"], *, name: str
) -> go.Figure:
    """Both distributions as shares, so that a small selection can be held against a large pool."""
    figure = framed(f"{name}: selected against pool", x=name, y="share of rows", height=260)
    low, high = float(np.min(pool)), float(np.max(pool))
    n_bins = int(np.clip(2 * np.sqrt(len(selected)), 8, 25))
    bins = {"start": low, "end": high + 1e-9, "size": max((high - low) / n_bins, 1e-9)}
    for label, values, color in (("pool", pool, GREY), ("selected", selected, ORANGE)):
        figure.add_histogram(
            x=values,
            xbins=bins,
            histnorm="probability",
            name=label,
            marker={"color": color},
            opacity=0.65,
        )
    figure.update_layout(barmode="overlay", bargap=0.03)
    return figure
