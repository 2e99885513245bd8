"""Maps of all heads, layer by head: importance with the circuit boxed, and two runs compared.

heads_heatmap(heads), heads_difference(a, b)
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from workbench.figures.look import DIVERGING, SEQUENTIAL, framed, row_height
from workbench.figures.margins import add_means
from workbench.figures.ranking import head_hover, measure_name
from workbench.figures.scales import Scale, scale_of
from workbench.names import NATS
from workbench.types import Head, HeadScores

# Pixels that the cells of a map share in a plot of usual width, and of a letter in a cell.
CELLS_WIDTH, _LETTER = 480, 7
# Above and below the cells: the title, and the axis with its name.
_MARGINS = 66 + 50
# Small enough for the cells of any model: what counts is which centre is nearest.
MARKER = 6
_PER_TOKEN = NATS.replace(" ", "<br>", 1)


class Layer(NamedTuple):
    """One number a head: what the map is titled, and the unit beside its colours."""

    title: str
    unit: str
    is_signed: bool = True


LAYERS = {
    "delta": Layer("Loss increase per head (higher: needed more)", _PER_TOKEN),
    "contrast": Layer("Share of the loss added on problems less that on {control}", "share"),
    "control_delta": Layer("Loss increase on {control}", _PER_TOKEN),
    "contribution": Layer("Loss increase with the output at its mean", _PER_TOKEN),
    "sink_share": Layer("Attention on the first token", "share", is_signed=False),
    "stability": Layer("Share of resampled probes that choose the head", "share", is_signed=False),
    "kept": Layer("Share of settings that keep the head", "share", is_signed=False),
}
"""What a map can show; others than `delta` only where heads carry them, some for a few only."""


KINDS = {
    "previous": Layer("Attention on the token before", "share", is_signed=False),
    "induction": Layer("Attention on what came next last time", "share", is_signed=False),
}
"""What `workbench.circuits.head_kinds` tells of every head."""


def layers_of(heads: HeadScores) -> list[str]:
    """The layers of `LAYERS` that these heads have numbers for."""
    return [
        name
        for name in LAYERS
        if any(getattr(h, name, None) is not None for h in heads.heads)
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
    scale: str = "linear",
    is_small: bool = False,
    kind: tuple[str, Float[np.ndarray, "layer head"]] | None = None,
) -> go.Figure:
    """Layer by head, coloured by one of `LAYERS` on one of `SCALES`; the circuit is boxed.

    Idle heads of the circuit have a ring. Heads of `before`, another circuit, that are not in it
    have a dashed box; those `marked` have a cross; a small map has no numbers in its cells. With a
    `second` measure of the same model the colours are of that one, and the boxes stay; so they do
    with a `kind` of `KINDS` and its scores. A plotly
    heatmap takes no clicks, so transparent squares lie over it; their `customdata` is `[layer,
    head]`.
    """
    measured = second or heads
    shown = LAYERS[layer]
    if measured.method == "retrieval" and layer == "delta":
        shown = Layer("Retrieval score per head (higher: copies more)", "share", is_signed=False)
    names = [Path(name).name for name in (measured.control or {}).get("data", ())]
    shown = shown._replace(title=shown.title.format(control=", ".join(names) or "the control"))
    # What was never run has only an estimate, which does not compare with the others: left empty.
    values = [_known(getattr(h, layer), h.basis) for h in measured.heads]
    grid = _grid(measured, values)
    if kind is not None:
        shown, grid = KINDS[kind[0]], kind[1]
    figure = _map(heads, grid, shown, second=second, scale=scale, has_means=not is_small)
    if is_small:
        figure.update_layout(title_text="Heads by loss increase")
        figure.update_traces(texttemplate=None, selector={"type": "heatmap"})
    circuit = {Head(h.layer, h.head) for h in heads.heads if h.selected}
    boxes = [_box(head) for head in sorted(circuit)]
    boxes += [_box(head, dash="dash") for head in sorted(set(before or ()) - circuit)]
    if chosen is not None:
        boxes.append(_box(chosen, "#F0E442", dash="dot"))
    # All at once: each that is added by itself copies those before it.
    figure.update_layout(shapes=list(chain.from_iterable(boxes)))
    idle = [h for h in heads.heads if h.selected and h.idle]
    if idle:
        figure.add_scatter(
            # In the corner: the middle is the number's.
            x=[h.head + 0.28 for h in idle],
            y=[h.layer - 0.2 for h in idle],
            mode="markers",
            marker={"symbol": "circle-open", "size": 7, "color": "black", "line": {"width": 2}},
            hoverinfo="skip",
            name="idle",
        )
    if marked:
        figure.add_scatter(
            x=[head for _, head in marked],
            y=[layer for layer, _ in marked],
            customdata=[list(head) for head in marked],
            mode="markers",
            marker={"symbol": "x", "size": 15, "color": "#F0E442", "line": {"width": 2}},
            hoverinfo="skip",
        )
    # Behind what belongs to single heads.
    traces: list[Any] = list(figure.data)
    figure.data = sorted(traces, key=lambda trace: trace.name == "means")
    return figure


def heads_difference(a: HeadScores, b: HeadScores, *, scale: str = "linear") -> go.Figure:
    """Second run minus first: of the loss increase, or of the rank where the measures differ.

    `scale` is one of `SCALES`, of loss increases: few heads may differ by far the most.
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
        title, unit = "Second run minus first", _PER_TOKEN
    else:
        values = [float(first[head].rank - second[head].rank) for head in first]
        title, unit = "Places gained in the second run", "ranks"
    scale = scale if unit == _PER_TOKEN else "linear"
    figure = _map(a, _grid(a, values), Layer(title, unit), scale=scale)
    if unit == "ranks":
        figure.update_traces(
            texttemplate="%{z:+.0f}" if figure.data[0].texttemplate else None,  # type: ignore[attr-defined]
            selector={"type": "heatmap"},
        )
    circuits = [{head for head, h in heads.items() if h.selected} for heads in (first, second)]
    both, either = circuits[0] & circuits[1], circuits[0] | circuits[1]
    boxes = (_box(head, dash="solid" if head in both else "dash") for head in sorted(either))
    figure.update_layout(shapes=list(chain.from_iterable(boxes)))
    return figure


def _known(value: float | None, basis: str | None) -> float:
    return np.nan if value is None or basis == "gradient" else float(value)


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
    scale: str = "linear",
    has_means: bool = False,
) -> go.Figure:
    n_layers, n_heads = values.shape
    height = _MARGINS + row_height(n_layers) * (n_layers + (1 if has_means else 0))
    figure = framed(shown.title, x="head", y="layer", height=height)
    colours = scale_of(values, scale, is_signed=shown.is_signed)
    figure.add_heatmap(**_cells(values, colours, shown))
    figure.add_trace(_click_targets(heads, second))
    # Only some heads are named where all of them would touch; a box at the edge is seen whole.
    dtick, edge = math.ceil(20 * n_heads / CELLS_WIDTH), 0.5 + 3 * n_heads / CELLS_WIDTH
    figure.update_xaxes(dtick=dtick, showgrid=False, range=[-edge, n_heads - 1 + edge])
    figure.update_yaxes(dtick=1, showgrid=False, range=[n_layers - 0.4, -0.6])
    if has_means:
        colorscale = DIVERGING if shown.is_signed else SEQUENTIAL
        add_means(figure, values, colours, colorscale=colorscale, width=CELLS_WIDTH)
    # However far it is: the nearest centre is that of the cell that the pointer is in.
    figure.update_layout(hoverdistance=-1, clickmode="event+select", showlegend=False)
    figure.update_layout(dragmode=False)
    return figure


def _cells(values: Float[np.ndarray, "layer head"], scale: Scale, shown: Layer) -> dict[str, Any]:
    """The coloured cells with their numbers, where these have room."""
    reach = float(np.nanmax(np.abs(values))) or 1.0
    template = _template(reach, CELLS_WIDTH / values.shape[1])
    bar: dict[str, Any] = {"title": {"text": shown.unit}, "thickness": 14, "exponentformat": "none"}
    text = None
    if scale.ticks:
        # Beside few layers the bar is short: its ends and its middle have room.
        step = max(1, len(scale.ticks) // 2) if len(values) < 8 else 1
        bar |= {"tickvals": scale.ticks[::step], "ticktext": scale.labels[::step]}
        if template:
            form = template[4:-1]
            text = [["" if np.isnan(v) else _written(v, form) for v in row] for row in values]
            template = "%{text}"
    return {
        "z": scale.of(values),
        "zmin": scale.low,
        "zmax": scale.high,
        "text": text,
        "texttemplate": template,
        "colorscale": DIVERGING if shown.is_signed else SEQUENTIAL,
        "colorbar": bar,
        "xgap": 1,
        "ygap": 1,
        "hoverinfo": "skip",
    }


def _written(value: float, form: str) -> str:
    """What rounds to nothing has no sign."""
    text = f"{value:{form}}"
    return text if float(text) else text.lstrip("-")


def _template(reach: float, width: float) -> str | None:
    """Two decimals, or as many more as the largest number needs to show a digit; None: no room."""
    form, n_letters = (".2f", 5) if reach >= 0.1 else (".1e", 8) if reach < 0.001 else (".3f", 6)
    return f"%{{z:{form}}}" if n_letters * _LETTER <= width else None


def _click_targets(heads: HeadScores, second: HeadScores | None = None) -> go.Scatter:
    texts = [head_hover(h) for h in heads.heads]
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
        marker={"symbol": "square", "size": MARKER, "opacity": 0},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
    )


def _box(head: Head, inner: str = "white", *, dash: str = "solid") -> list[dict[str, Any]]:
    """Two lines, dark around light, so that the box shows on every colour of the scale."""
    reach = 0.47
    corners = {
        "x0": head.head - reach,
        "x1": head.head + reach,
        "y0": head.layer - reach,
        "y1": head.layer + reach,
    }
    lines = (
        {"color": "black", "width": 3, "dash": "solid"},
        {"color": inner, "width": 1, "dash": dash},
    )
    return [{"type": "rect", **corners, "line": line} for line in lines]
