"""Importance of heads: the map of all heads, the sorted curve with its cut, one head by sample.

heads_heatmap(heads), elbow(heads), sample_deltas(deltas, Head(0, 3))
"""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from workbench.figures.look import BLUE, DIVERGING, GREY, VERMILION, framed
from workbench.types import Head, HeadScore, HeadScores

DELTA = "loss increase (nats per token)"
# Beyond this many heads a layer the numbers in the cells overlap.
_MAX_NUMBERED = 16


def head_name(layer: int, head: int) -> str:
    """`L3 H5`: layer and head, both from 0."""
    return f"L{layer} H{head}"


def heads_heatmap(heads: HeadScores, *, chosen: Head | None = None) -> go.Figure:
    """Layer by head, coloured by the loss increase when that head is uniform; the circuit is boxed.

    A plotly heatmap takes no clicks, so transparent squares lie over it; their `customdata` is
    `[layer, head]`.
    """
    deltas = np.zeros((heads.model.n_layers, heads.model.n_heads))
    for h in heads.heads:
        deltas[h.layer, h.head] = h.delta
    reach = float(np.abs(deltas).max()) or 1.0
    height = 170 + 34 * heads.model.n_layers
    title = "Loss increase per head (higher: needed more)"
    figure = framed(title, x="head", y="layer", height=height)
    figure.add_heatmap(
        z=deltas,
        colorscale=DIVERGING,
        zmin=-reach,
        zmax=reach,
        xgap=1,
        ygap=1,
        hoverinfo="skip",
        texttemplate="%{z:.2f}" if heads.model.n_heads <= _MAX_NUMBERED else None,
        colorbar={"title": {"text": "nats<br>per token"}, "thickness": 14},
    )
    figure.add_trace(_click_targets(heads))
    for h in heads.heads:
        if h.selected:
            _box(figure, h.layer, h.head, "black", "white")
    if chosen is not None:
        _box(figure, chosen.layer, chosen.head, "black", "#F0E442", dash="dot")
    figure.update_xaxes(dtick=1, showgrid=False)
    figure.update_yaxes(dtick=1, showgrid=False, autorange="reversed")
    figure.update_layout(hoverdistance=60, clickmode="event+select", showlegend=False)
    return figure


def _click_targets(heads: HeadScores) -> go.Scatter:
    return go.Scatter(
        x=[h.head for h in heads.heads],
        y=[h.layer for h in heads.heads],
        customdata=[[h.layer, h.head] for h in heads.heads],
        text=[_hover(h) for h in heads.heads],
        hovertemplate="%{text}<extra></extra>",
        mode="markers",
        marker={"symbol": "square", "size": 30, "opacity": 0},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
    )


def _hover(h: HeadScore) -> str:
    return (
        f"<b>{head_name(h.layer, h.head)}</b>{' in the circuit' if h.selected else ''}<br>"
        f"loss +{h.delta:.4f} nats per token<br>"
        f"95 % interval {h.ci_low:.4f} to {h.ci_high:.4f}<br>"
        f"rank {h.rank}, chosen in {h.stability:.0%} of resampled probes"
    ).replace("+-", "-")


def _box(
    figure: go.Figure, layer: int, head: int, outer: str, inner: str, *, dash: str = "solid"
) -> None:
    """Two lines, dark around light, so that the box shows on every colour of the scale."""
    for color, width, reach, style in ((outer, 4, 0.47, "solid"), (inner, 1.5, 0.47, dash)):
        figure.add_shape(
            type="rect",
            x0=head - reach,
            x1=head + reach,
            y0=layer - reach,
            y1=layer + reach,
            line={"color": color, "width": width, "dash": style},
        )


def elbow(heads: HeadScores) -> go.Figure:
    """All heads by rank with their 95 % intervals, and the line where the circuit is cut off."""
    ordered = sorted(heads.heads, key=lambda h: h.rank)
    n_selected = sum(h.selected for h in ordered)
    figure = framed("Sorted heads; a circuit is clear where the curve breaks", x="rank", y=DELTA)
    for name, color, selected in (("circuit", VERMILION, True), ("other heads", GREY, False)):
        part = [h for h in ordered if h.selected == selected]
        figure.add_scatter(
            name=name,
            x=[h.rank for h in part],
            y=[h.delta for h in part],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [h.ci_high - h.delta for h in part],
                "arrayminus": [h.delta - h.ci_low for h in part],
                "thickness": 1,
            },
            text=[_hover(h) for h in part],
            hovertemplate="%{text}<extra></extra>",
            mode="markers",
            marker={"color": color, "size": 8, "symbol": "diamond" if selected else "circle"},
        )
    figure.add_vline(x=n_selected + 0.5, line={"dash": "dash", "color": GREY})
    figure.add_hline(y=0, line={"width": 1, "color": GREY})
    return figure


def sample_deltas(deltas: Float[np.ndarray, " sample"], head: Head) -> go.Figure:
    """How the loss of each probe sample changes when one head is uniform."""
    title = f"{head_name(*head)} by sample; right of 0: the sample needs this head"
    figure = framed(title, x=DELTA, y="probe samples")
    figure.add_histogram(x=deltas, nbinsx=30, marker={"color": BLUE}, name="samples")
    figure.add_vline(x=0, line={"width": 1, "color": GREY})
    mean = float(np.mean(deltas)) if len(deltas) else 0.0
    figure.add_vline(
        x=mean,
        line={"dash": "dash", "color": VERMILION},
        annotation_text=f"mean {mean:.3f}",
        annotation_position="top",
    )
    figure.update_layout(showlegend=False, bargap=0.03)
    return figure
