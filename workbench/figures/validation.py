"""The circuit among random sets of heads of the same layers: is it out of the ordinary?

random_draws(json.loads(validation_path.read_text()), "loss")
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from workbench.figures.look import BLUE, GREY, VERMILION, framed

_BINS = 30
MEASURES = {
    "loss": "loss, nats per token; right: more damage",
    "accuracy": "exact solutions; left: more damage",
}


def random_draws(report: Mapping[str, Any], measure: str) -> go.Figure:
    """Histogram of the random draws, with lines for circuit, bottom heads and the unchanged model.

    `report` is the content of `validation.json`, `measure` is `loss` or `accuracy`.
    """
    draws = np.asarray(report["random"][measure], dtype=float)
    marks = [
        ("unchanged model", float(report["base"][measure]), GREY, "dot"),
        ("bottom heads", float(report["bottom"][measure]), BLUE, "dash"),
        ("circuit", float(report["circuit"][measure]), VERMILION, "solid"),
    ]
    span = [*draws, *(value for _, value, _, _ in marks)]
    low, high = min(span), max(span)
    # A little room on both sides, also where everything is one value.
    room = 0.05 * (high - low) or 0.05
    counts, edges = np.histogram(draws, bins=_BINS, range=(low - room, high + room))
    title = f"{measure} with {len(draws)} random sets uniform"
    figure = framed(title.capitalize(), x=MEASURES[measure], y="random sets", height=420)
    figure.add_bar(
        x=(edges[:-1] + edges[1:]) / 2,
        y=counts,
        width=np.diff(edges),
        marker={"color": GREY, "opacity": 0.6},
        name="random sets",
        hovertemplate="%{y} sets near %{x:.3g}<extra></extra>",
    )
    for name, value, color, dash in marks:
        figure.add_scatter(
            x=[value, value],
            y=[0, max(1, counts.max()) * 1.1],
            mode="lines",
            line={"color": color, "dash": dash, "width": 2.5},
            name=f"{name} {value:.3g}",
            hovertemplate=f"{name} {value:.4g}<extra></extra>",
        )
    # Below the axis, where four entries cannot cover the title.
    figure.update_layout(
        margin={"t": 50, "b": 150},
        legend={"orientation": "v", "x": 0, "xanchor": "left", "y": -0.3, "yanchor": "top"},
    )
    return figure
