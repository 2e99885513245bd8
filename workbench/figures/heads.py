"""Importance of heads: the map of all heads, the sorted curve with its cut, one head by sample.

heads_heatmap(heads), elbow(heads), sample_deltas(deltas[:, 3], Head(0, 3))
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from workbench.figures.look import BLUE, DIVERGING, GREY, SEQUENTIAL, VERMILION, framed
from workbench.types import Head, HeadScore, HeadScores

DELTA = "loss increase (nats per token)"
RETRIEVAL = "retrieval score (share of tokens copied)"
# Beyond this many heads a layer the numbers in the cells overlap.
_MAX_NUMBERED = 8


class Layer(NamedTuple):
    """One number a head: what the map is titled, and the unit beside its colours."""

    title: str
    unit: str
    is_signed: bool = True


LAYERS = {
    "delta": Layer("Loss increase per head (higher: needed more)", "nats<br>per token"),
    "contrast": Layer("Share of the loss added on problems less that on {control}", "share"),
    "control_delta": Layer("Loss increase on {control}", "nats<br>per token"),
    "stability": Layer("Share of resampled probes that choose the head", "share", is_signed=False),
}
"""What a map can show; `contrast` and `control_delta` only where the heads carry them."""


BASES = {
    "probe": "on the whole probe of {n} samples",
    "sample": "dropped or decided after {n} samples",
    "gradient": "never run: a gradient's estimate on {n} samples",
}


def head_name(layer: int, head: int) -> str:
    """`L3 H5`: layer and head, both from 0."""
    return f"L{layer} H{head}"


def measure_name(heads: HeadScores) -> str:
    """What `delta` means: a loss, or the share of tokens that a head copies."""
    return RETRIEVAL if heads.method == "retrieval" else DELTA


def layers_of(heads: HeadScores) -> list[str]:
    """The layers of `LAYERS` that these heads have numbers for."""
    return [
        name
        for name in LAYERS
        if all(getattr(h, name, None) is not None for h in heads.heads)
        and (name != "stability" or any(h.stability for h in heads.heads))
    ]


def heads_heatmap(
    heads: HeadScores,
    *,
    chosen: Head | None = None,
    layer: str = "delta",
    before: Collection[Head] | None = None,
    marked: Collection[Head] = (),
    second: HeadScores | None = None,
    is_small: bool = False,
) -> go.Figure:
    """Layer by head, coloured by one of `LAYERS`; the circuit is boxed.

    Heads of `before`, another circuit, that are not in it have a dashed box; those `marked` have a
    cross; a small map has no numbers in its cells. With a `second` measure of the same model the
    colours are of that one, and the boxes stay. A plotly heatmap takes no clicks, so transparent
    squares lie over it; their `customdata` is `[layer, head]`.
    """
    measured = second or heads
    shown = LAYERS[layer]
    if measured.method == "retrieval" and layer == "delta":
        shown = Layer("Retrieval score per head (higher: copies more)", "share", is_signed=False)
    names = [Path(name).name for name in (measured.control or {}).get("data", ())]
    shown = shown._replace(title=shown.title.format(control=", ".join(names) or "the control"))
    # What was never run has only an estimate, which does not compare with the others: left empty.
    values = [np.nan if h.basis == "gradient" else float(getattr(h, layer)) for h in measured.heads]
    figure = _map(heads, _grid(measured, values), shown, second=second)
    if is_small:
        figure.update_layout(title_text="Heads by loss increase")
        figure.update_traces(texttemplate=None, selector={"type": "heatmap"})
    circuit = {Head(h.layer, h.head) for h in heads.heads if h.selected}
    for head in sorted(circuit):
        _box(figure, *head, "black", "white")
    for head in sorted(set(before or ()) - circuit):
        _box(figure, *head, "black", "white", dash="dash")
    if chosen is not None:
        _box(figure, *chosen, "black", "#F0E442", dash="dot")
    if marked:
        figure.add_scatter(
            x=[head for _, head in marked],
            y=[layer for layer, _ in marked],
            customdata=[list(head) for head in marked],
            mode="markers",
            marker={"symbol": "x", "size": 15, "color": "#F0E442", "line": {"width": 2}},
            hoverinfo="skip",
        )
    return figure


def heads_difference(a: HeadScores, b: HeadScores) -> go.Figure:
    """Second run minus first: of the loss increase, or of the rank where the measures differ.

    Solid boxes: in both circuits; dashed: in one of them only. Heads that one run never ran, but
    estimated by gradients, are left empty.
    """
    first, second = ({Head(h.layer, h.head): h for h in heads.heads} for heads in (a, b))
    if measure_name(a) == measure_name(b):
        values = [
            np.nan
            if "gradient" in (first[head].basis, second[head].basis)
            else second[head].delta - first[head].delta
            for head in first
        ]
        title, unit = "Second run minus first", "nats<br>per token"
    else:
        values = [float(first[head].rank - second[head].rank) for head in first]
        title, unit = "Places gained in the second run", "ranks"
    figure = _map(a, _grid(a, values), Layer(title, unit))
    circuits = [{head for head, h in heads.items() if h.selected} for heads in (first, second)]
    for head in sorted(circuits[0] | circuits[1]):
        is_shared = head in circuits[0] & circuits[1]
        _box(figure, *head, "black", "white", dash="solid" if is_shared else "dash")
    return figure


def _grid(heads: HeadScores, values: Sequence[float]) -> Float[np.ndarray, "layer head"]:
    grid = np.zeros((heads.model.n_layers, heads.model.n_heads))
    for h, value in zip(heads.heads, values, strict=True):
        grid[h.layer, h.head] = value
    return grid


def _map(
    heads: HeadScores,
    values: Float[np.ndarray, "layer head"],
    shown: Layer,
    *,
    second: HeadScores | None = None,
) -> go.Figure:
    reach = float(np.nanmax(np.abs(values))) or 1.0
    n_layers, n_heads = values.shape
    figure = framed(shown.title, x="head", y="layer", height=170 + 34 * n_layers)
    figure.add_heatmap(
        z=values,
        colorscale=DIVERGING if shown.is_signed else SEQUENTIAL,
        zmin=-reach if shown.is_signed else 0,
        zmax=reach,
        xgap=1,
        ygap=1,
        hoverinfo="skip",
        texttemplate=_template(reach) if n_heads <= _MAX_NUMBERED else None,
        colorbar={"title": {"text": shown.unit}, "thickness": 14},
    )
    figure.add_trace(_click_targets(heads, second))
    figure.update_xaxes(dtick=1, showgrid=False, range=[-0.5, n_heads - 0.5])
    figure.update_yaxes(dtick=1, showgrid=False, range=[n_layers - 0.5, -0.5])
    figure.update_layout(hoverdistance=60, clickmode="event+select", showlegend=False)
    figure.update_layout(dragmode=False)
    return figure


def _template(reach: float) -> str:
    """Two decimals, or as many more as the largest number needs to show a digit."""
    return "%{z:.2f}" if reach >= 0.1 else "%{z:.1e}" if reach < 0.001 else "%{z:.3f}"


def _click_targets(heads: HeadScores, second: HeadScores | None = None) -> go.Scatter:
    texts = [_hover(h) for h in heads.heads]
    if second is not None:
        found = {(h.layer, h.head): h for h in second.heads}
        others = [found[h.layer, h.head] for h in heads.heads]
        unit = measure_name(second)
        texts = [
            f"{text}<br>{unit} {h.delta:.4f}, rank {h.rank}"
            for text, h in zip(texts, others, strict=True)
        ]
    return go.Scatter(
        x=[h.head for h in heads.heads],
        y=[h.layer for h in heads.heads],
        customdata=[[h.layer, h.head] for h in heads.heads],
        text=texts,
        hovertemplate="%{text}<extra></extra>",
        mode="markers",
        marker={"symbol": "square", "size": 30, "opacity": 0},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
    )


def _hover(h: HeadScore) -> str:
    return (
        f"<b>{head_name(h.layer, h.head)}</b>{' in the circuit' if h.selected else ''}<br>"
        f"{h.delta:+.4f}<br>"
        f"95 % interval {h.ci_low:.4f} to {h.ci_high:.4f}<br>"
        f"rank {h.rank}, chosen in {h.stability:.0%} of resampled probes"
        f"{'<br>' + BASES[h.basis].format(n=h.n_samples) if h.basis else ''}"
    )


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
    """All heads by rank with their 95 % intervals, and the line where the circuit is cut off.

    Heads that a race never ran have hollow marks.
    """
    ordered = sorted(heads.heads, key=lambda h: h.rank)
    n_selected = sum(h.selected for h in ordered)
    title = "Sorted heads; a circuit is clear where the curve breaks"
    figure = framed(title, x="rank", y=measure_name(heads))
    guessed = [h for h in ordered if h.basis == "gradient"]
    others = [h for h in ordered if not h.selected and h.basis != "gradient"]
    for name, color, symbol, part in (
        ("circuit", VERMILION, "diamond", [h for h in ordered if h.selected]),
        ("other heads", GREY, "circle", others),
        ("estimated by gradients", GREY, "circle-open", guessed),
    ):
        if not part:
            continue
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
            marker={"color": color, "size": 8, "symbol": symbol},
        )
    figure.add_vline(x=n_selected + 0.5, line={"dash": "dash", "color": GREY})
    figure.add_hline(y=0, line={"width": 1, "color": GREY})
    return figure


def sample_deltas(
    deltas: Float[np.ndarray, " sample"], head: Head, *, unit: str = DELTA
) -> go.Figure:
    """How the loss of each probe sample changes when one head is uniform, or what it copies."""
    what = "right of 0: needed" if unit == DELTA else "further right: copies more"
    figure = framed(f"{head_name(*head)} by sample; {what}", x=unit, y="probe samples")
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
