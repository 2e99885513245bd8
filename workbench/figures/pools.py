"""A scored pool and what was chosen from it: distributions, and the pull of length.

binned_histogram(edges, counts, name="score"), score_against_length(frame, name="score")
selected_against_pool(pool, chosen, name="score")
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float, Num

from workbench.figures.axes import Axis
from workbench.figures.look import BLUE, GREY, ORANGE, VERMILION, framed

_BINS = 40
_MANY_POINTS = 5_000
_MOST_NAMES = 12
MEDIAN = "median"


def score_histogram(scores: Float[np.ndarray, " row"], *, name: str) -> go.Figure:
    """How the scores of a pool are spread, with the median."""
    span = (float(np.min(scores)), float(np.max(scores))) if len(scores) else (0.0, 1.0)
    counts, edges = np.histogram(scores, bins=_BINS, range=span if span[0] < span[1] else None)
    marks = {MEDIAN: float(np.median(scores))} if len(scores) else None
    return binned_histogram(edges, counts, name=name, marks=marks)


def binned_histogram(
    edges: Float[np.ndarray, " edge"],
    counts: Num[np.ndarray, " bin"],
    *,
    name: str,
    marks: Mapping[str, float] | None = None,
    span: tuple[float, float] | None = None,
    axis: Axis | None = None,
    height: str = "rows",
) -> go.Figure:
    """Counts (or what `height` says) between `edges`; bars outside of `span` are pale.

    Dragging selects a range. `marks` are lines with names. Edges, marks and span are scores; along
    another `axis` they are drawn at their places on it.
    """
    figure = framed("Scores of the pool; drag to choose a range", x=name, y=height)
    scores, at = edges, (axis.to if axis else np.asarray)
    edges = at(edges)
    middles = (edges[:-1] + edges[1:]) / 2
    low, high = span or (float(scores[0]), float(scores[-1]))
    inside = (scores[1:] > low) & (scores[:-1] < high)
    figure.add_bar(
        x=middles,
        y=counts,
        width=np.diff(edges),
        marker={"color": [BLUE if chosen else GREY for chosen in inside]},
        customdata=np.stack([scores[:-1], scores[1:]], axis=1),
        hovertemplate=f"{html.escape(height)}: %{{y:.4g}}<br>"
        "from %{customdata[0]:.4g} to %{customdata[1]:.4g}<extra></extra>",
        showlegend=False,
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
    )
    # The names of lines that lie close stand to the left, above and to the right of them.
    sides = (
        ("top left", "top", "top right") if len(marks or ()) == 3 else ("top",) * len(marks or ())
    )
    for (mark, score), side in zip((marks or {}).items(), sides, strict=True):
        figure.add_vline(
            x=float(at(np.array(score))),
            line={"dash": "dash" if mark == MEDIAN else "dot", "color": VERMILION},
            annotation_text=f"{mark} {score:.3g}",
            annotation_position=side,
        )
    if axis and axis.ticks:
        figure.update_xaxes(tickvals=axis.ticks, ticktext=axis.labels)
    figure.update_layout(bargap=0.03, dragmode="select", selectdirection="h")
    return figure


def score_against_label(frame: pd.DataFrame, *, label: str, name: str) -> go.Figure:
    """Median and quartiles of the score at each value of a label of difficulty.

    `frame` has `label`, `q25`, `median`, `q75` and `rows`.
    """
    figure = framed(f"Score by {label}; rising: the score prefers the hard", x=label, y=name)
    figure.add_scatter(
        x=frame["label"],
        y=frame["median"],
        error_y={
            "type": "data",
            "symmetric": False,
            "array": frame["q75"] - frame["median"],
            "arrayminus": frame["median"] - frame["q25"],
            "thickness": 1.5,
        },
        customdata=frame[["q25", "q75", "rows"]].to_numpy(),
        hovertemplate=f"{html.escape(label)} %{{x}}: median %{{y:.4g}}<br>"
        "middle half %{customdata[0]:.4g} to %{customdata[1]:.4g}, %{customdata[2]} rows"
        "<extra></extra>",
        mode="lines+markers",
        marker={"color": BLUE, "size": 9},
        showlegend=False,
    )
    return figure


def mix_before_after(mix: Sequence[Mapping[str, Any]], *, title: str) -> go.Figure:
    """Shares of each name before and after a selection, the largest first."""
    shown = sorted(mix, key=lambda part: -part["n_before"])[:_MOST_NAMES][::-1]
    figure = framed(title, x="share of rows", y="", height=120 + 38 * len(shown))
    for word, name, color in (("before", "pool", GREY), ("after", "selected", ORANGE)):
        figure.add_bar(
            orientation="h",
            name=name,
            y=[html.escape(str(part["name"])[:30]) for part in shown],
            x=[part[f"share_{word}"] for part in shown],
            customdata=[part[f"n_{word}"] for part in shown],
            hovertemplate=f"%{{y}}: %{{customdata}} rows, %{{x:.1%}} {name}<extra></extra>",
            marker={"color": color},
        )
    figure.update_xaxes(tickformat=".0%")
    figure.update_layout(barmode="group", legend={"traceorder": "reversed"}, margin={"l": 120})
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
    figure = framed(f"{name}: selected against pool", x=name, y="share of rows", height=280)
    low, high = float(np.min(pool)), float(np.max(pool))
    n_bins = int(np.clip(2 * np.sqrt(len(selected)), 8, 25))
    edges = np.linspace(low, high if high > low else low + 1e-9, n_bins + 1)
    for label, values, color in (("pool", pool, GREY), ("selected", selected, ORANGE)):
        counts, _ = np.histogram(values, bins=edges)
        figure.add_bar(
            x=(edges[:-1] + edges[1:]) / 2,
            y=counts / max(1, len(values)),
            width=np.diff(edges),
            name=label,
            marker={"color": color},
            opacity=0.65,
            hovertemplate=f"{label}: %{{y:.1%}} near %{{x:.4g}}<extra></extra>",
        )
    figure.update_yaxes(tickformat=".0%")
    figure.update_layout(barmode="overlay", bargap=0.03)
    return figure
