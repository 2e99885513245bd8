"""One sample under the circuit: its tokens shaded, as bars, and a head's pattern.

token_strip(tokens, received, meaning="attention received")
pattern_heatmap(pattern, tokens, title="L2H2")
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from workbench.figures.look import BLUE, GREY, SEQUENTIAL, VERMILION, framed, shade

_MAX_TICKS, _FEW_TICKS = 40, 12
_MOST_BINS = 240


def token_strip(
    tokens: Sequence[str],
    values: Float[np.ndarray, " pos"],
    *,
    meaning: str,
    first: int = 1,
    top: float | None = None,
) -> str:
    """HTML: the text with each token shaded by its value; all text is escaped.

    Orange from 0 up to `top` (the largest value), blue below 0. `first` is the first token's place.
    """
    top = top or float(np.max(np.abs(values), initial=0.0)) or 1.0
    spans = []
    for place, (token, value) in enumerate(zip(tokens, values, strict=True), start=first):
        label = html.escape(f"token {place}: {visible(token)}, {meaning} {value:.3g}", quote=True)
        shown = html.escape(token).replace("\n", "&#9166;<br>") or "&#8709;"
        style = f"background:{shade(float(value) / top)};border-radius:3px"
        spans.append(f'<span title="{label}" style="{style}">{shown}</span>')
    frame = "font-family:monospace;line-height:1.9;white-space:pre-wrap;overflow-wrap:anywhere"
    return f'<div style="{frame}">{"".join(spans)}</div>'


def overview_strip(
    values: Float[np.ndarray, " pos"], *, window: tuple[int, int], title: str
) -> go.Figure:
    """A whole long sample in one line of colours, with the part that is shown below it framed."""
    n_bins = min(len(values), _MOST_BINS)
    edges = np.linspace(0, len(values), n_bins + 1).astype(int)
    means = [float(values[a:b].mean()) for a, b in pairwise(edges)]
    figure = framed(title, x="token, in reading order", y="", height=150)
    figure.add_heatmap(
        z=[means],
        x=(edges[:-1] + edges[1:]) / 2,
        colorscale=SEQUENTIAL,
        showscale=False,
        hovertemplate="near token %{x:.0f}: %{z:.3g}<extra></extra>",
    )
    line = {"color": VERMILION, "width": 3}
    figure.add_shape(type="rect", x0=window[0], x1=window[1], y0=-0.5, y1=0.5, line=line)
    figure.update_yaxes(visible=False, title_text="sample")
    return figure


def next_token_bars(
    tokens: Sequence[str],
    before: Float[np.ndarray, " token"],
    after: Float[np.ndarray, " token"],
    *,
    ablated: str = "heads uniform",
) -> go.Figure:
    """Chances of the likeliest next tokens, of the model as it is and with the heads `ablated`."""
    title = "Next token: what the heads change"
    figure = framed(title, x="probability", y="token", height=116 + 52 * len(tokens))
    for name, values, color in ((ablated, after, VERMILION), ("as it is", before, BLUE)):
        figure.add_bar(
            orientation="h",
            name=name,
            y=[_label(i, token) for i, token in enumerate(tokens)],
            x=values,
            marker={"color": color},
            text=[f"{value:.0%}" for value in values],
            textposition="outside",
            hovertemplate=f"%{{y}}: %{{x:.1%}} {name}<extra></extra>",
        )
    figure.update_xaxes(range=[0, 1.12], tickvals=[0, 0.5, 1], tickformat=".0%")
    # Tokens that are numbers would be places on an axis of numbers.
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_layout(barmode="group", bargap=0.35, legend={"traceorder": "reversed"})
    # A line between tokens: a bar of one and a bar of the next must not look like a pair.
    for place in range(1, len(tokens)):
        figure.add_hline(y=place - 0.5, line={"width": 1, "color": GREY})
    return figure


def visible(token: str) -> str:
    """A token as a label: spaces and line ends get a sign."""
    return token.replace(" ", "␣").replace("\n", "⏎") or "∅"


def token_bars(
    tokens: Sequence[str],
    values: Float[np.ndarray, " pos"],
    *,
    title: str,
    unit: str,
    reference: float | None = None,
    reference_name: str = "",
    first: int = 1,
) -> go.Figure:
    """One bar a token; `reference` draws a level line, `first` is the first token's place."""
    figure = framed(title, x="token, in reading order", y=unit, height=300)
    figure.add_bar(
        x=np.arange(len(tokens)),
        y=values,
        customdata=[_label(i, t) for i, t in enumerate(tokens, start=first - 1)],
        hovertemplate="%{customdata}<br>%{y:.3g}<extra></extra>",
        marker={"color": BLUE, "line": {"width": 0}},
        showlegend=False,
    )
    if reference is not None:
        line = {"dash": "dash", "color": VERMILION, "width": 1.5}
        figure.add_hline(y=reference, line=line, annotation_text=reference_name)
    figure.update_xaxes(**_ticks(tokens))
    return figure


def pattern_heatmap(
    pattern: Float[np.ndarray, "query key"],
    tokens: Sequence[str],
    *,
    title: str,
    first: int = 1,
    is_log: bool = False,
    looked_at: int | None = None,
    is_small: bool = False,
) -> go.Figure:
    """Attention of every query (row) to every key (column); the rows of a whole sample sum to 1.

    Colours end at the 99th percentile of what is visible, else the sink would leave all else dark;
    by logarithm they begin at a thousandth of it. `first` is the place of the first token where
    only a window of the sample is shown; the row and the column of `looked_at` are framed.
    """
    visible_part = pattern[np.tril_indices(len(pattern))]
    top = float(np.quantile(visible_part, 0.99)) or 1.0
    least = top / 1_000
    shown = np.log10(np.maximum(pattern, least)) if is_log else pattern
    low, high = (np.log10(least), np.log10(top)) if is_log else (0.0, top)
    labels = [_label(i, t) for i, t in enumerate(tokens, start=first - 1)]
    size = int(np.clip(260 + 5 * len(tokens), 420, 700))
    figure = framed(title, x="key: is looked at", y="query: looks", height=size)
    figure.add_heatmap(
        z=np.where(np.tri(len(pattern), dtype=bool), shown, np.nan),
        customdata=pattern,
        zmin=low,
        zmax=high,
        colorscale=SEQUENTIAL,
        text=[[f"{q} looks at {k}" for k in labels] for q in labels],
        hovertemplate="%{text}<br>%{customdata:.3g}<extra></extra>",
        hoverongaps=False,
        colorbar={
            "title": {"text": f"share<br>(top {top:.2g})"},
            "thickness": 14,
            "exponentformat": "none",
            **_log_ticks(least, is_log=is_log),
        },
    )
    # A heatmap takes no clicks: the tokens on the diagonal do.
    figure.add_scatter(
        x=np.arange(len(tokens)),
        y=np.arange(len(tokens)),
        customdata=np.arange(len(tokens)),
        text=labels,
        hovertemplate="%{text}: click to follow it<extra></extra>",
        mode="markers",
        marker={"size": 5, "color": GREY, "symbol": "circle-open"},
        showlegend=False,
    )
    if looked_at is not None:
        frame = {"type": "rect", "line": {"color": VERMILION, "width": 1.5}}
        ends = (-0.5, len(pattern) - 0.5)
        across, line = (looked_at - 0.5, looked_at + 0.5), {"x0": ends[0], "x1": ends[1]}
        figure.add_shape(**frame, **line, y0=across[0], y1=across[1])
        figure.add_shape(**frame, x0=across[0], x1=across[1], y0=ends[0], y1=ends[1])
    ticks = _ticks(tokens, most=_FEW_TICKS if is_small else _MAX_TICKS)
    figure.update_xaxes(**ticks, showgrid=False)
    figure.update_yaxes(**ticks, showgrid=False, autorange="reversed")
    # As wide as high, in whatever room there is: the diagonal is a diagonal.
    figure.update_yaxes(scaleanchor="x", constrain="domain")
    figure.update_xaxes(constrain="domain")
    return figure


def _log_ticks(least: float, *, is_log: bool) -> dict:
    """Shares beside colours by logarithm: the least, and ten, a hundred, a thousand times it."""
    if not is_log:
        return {}
    marks = [least * 10**power for power in range(4)]
    return {
        "tickvals": [float(np.log10(m)) for m in marks],
        "ticktext": [f"{m:.2g}" for m in marks],
    }


def _label(place: int, token: str) -> str:
    return f"{place + 1} {html.escape(visible(token))}"


def _ticks(tokens: Sequence[str], *, most: int = _MAX_TICKS) -> dict:
    """Every token named where there is room, else every second, third ..."""
    step = -(-len(tokens) // most) or 1
    places = list(range(0, len(tokens), step))
    return {
        "tickmode": "array",
        "tickvals": places,
        "ticktext": [html.escape(visible(tokens[i])) for i in places],
        "tickfont": {"size": 10, "family": "monospace"},
    }
