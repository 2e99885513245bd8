"""The margins of a map of heads: the mean of every layer and of every head.

heads_heatmap(heads)  # a map in full size has them
"""

from __future__ import annotations

import warnings

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from workbench.figures.look import GREY
from workbench.figures.scales import Scale

MEAN_SIZE = 16


def add_means(
    figure: go.Figure,
    values: Float[np.ndarray, "layer head"],
    colours: Scale,
    *,
    colorscale: str,
    width: int,
) -> None:
    """The mean of every layer to the right and of every head below, with the map's colours.

    `width`: pixels that the cells of the map share.
    """
    n_layers, n_heads = values.shape
    # So many pixels from the edge that boxes have room, in units of a cell.
    step = MEAN_SIZE * n_heads / width
    right, below = n_heads - 0.5 + step, n_layers + 0.25
    with warnings.catch_warnings():
        # A layer of heads that were never run has no mean.
        warnings.simplefilter("ignore", RuntimeWarning)
        of_layers, of_heads = np.nanmean(values, axis=1), np.nanmean(values, axis=0)
    means = np.concatenate([of_layers, of_heads])
    names = [f"layer {i}" for i in range(n_layers)] + [
        f"head {i} of all layers" for i in range(n_heads)
    ]
    x = np.array([right] * n_layers + list(range(n_heads)))
    y = np.array(list(range(n_layers)) + [below] * n_heads)
    # Without a mean there is no square: Plotly would draw it black, as if it were extreme.
    known = np.isfinite(means)
    said = zip(np.array(names)[known], means[known], strict=True)
    figure.add_scatter(
        x=x[known],
        y=y[known],
        text=[f"mean of {name}: {mean:.4g}" for name, mean in said],
        hovertemplate="%{text}<extra></extra>",
        mode="markers",
        name="means",
        marker={
            "symbol": "square",
            "size": max(6, min(MEAN_SIZE, width / n_heads - 4)),
            "color": colours.of(means[known]),
            "cmin": colours.low,
            "cmax": colours.high,
            "colorscale": colorscale,
            "line": {"width": 1, "color": GREY},
        },
        selected={"marker": {"opacity": 1}},
        unselected={"marker": {"opacity": 1}},
    )
    figure.update_xaxes(range=[figure.layout.xaxis.range[0], right + step])
    figure.update_yaxes(range=[below + 0.6, -0.6])
    every = list(range(n_layers))
    figure.update_yaxes(tickmode="array", tickvals=[*every, below], ticktext=[*every, "mean"])
    shown_heads = list(range(0, n_heads, figure.layout.xaxis.dtick))
    figure.update_xaxes(
        tickmode="array", tickvals=[*shown_heads, right], ticktext=[*shown_heads, "mean"]
    )
