"""One sample under the circuit: its tokens shaded, as bars, and a head's pattern.

token_strip(tokens, received, meaning="attention received"), pattern_heatmap(pattern, tokens)
"""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float

from workbench.figures.look import BLUE, SEQUENTIAL, VERMILION, framed

_MAX_TICKS = 40


def token_strip(tokens: Sequence[str], values: Float[np.ndarray, " pos"], *, meaning: str) -> str:
    """HTML: the text with each token shaded from 0 to the largest value; all text is escaped."""
    top = float(np.max(values, initial=0.0)) or 1.0
    spans = []
    for place, (token, value) in enumerate(zip(tokens, values, strict=True), start=1):
        share = max(0.0, float(value) / top)
        label = html.escape(f"token {place}: {visible(token)}, {meaning} {value:.3g}", quote=True)
        shown = html.escape(token).replace("\n", "&#9166;<br>") or "&#8709;"
        # Orange at most half opaque keeps dark and light text legible on it.
        style = f"background:rgba(230,159,0,{0.55 * share:.3f});border-radius:3px"
        spans.append(f'<span title="{label}" style="{style}">{shown}</span>')
    frame = "font-family:monospace;line-height:1.9;white-space:pre-wrap;overflow-wrap:anywhere"
    return f'<div style="{frame}">{"".join(spans)}</div>'


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
) -> go.Figure:
    """One bar a token; `reference` draws a level line."""
    figure = framed(title, x="token, in reading order", y=unit, height=300)
    figure.add_bar(
        x=np.arange(len(tokens)),
        y=values,
        customdata=[_label(i, t) for i, t in enumerate(tokens)],
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
    pattern: Float[np.ndarray, "query key"], tokens: Sequence[str], *, title: str
) -> go.Figure:
    """Attention of every query (row) to every key (column); rows sum to 1.

    Colours end at the 99th percentile of what is visible, else the sink would leave all else dark.
    """
    visible_part = pattern[np.tril_indices(len(pattern))]
    top = float(np.quantile(visible_part, 0.99)) or 1.0
    labels = [_label(i, t) for i, t in enumerate(tokens)]
    size = int(np.clip(260 + 5 * len(tokens), 420, 820))
    figure = framed(title, x="key: is looked at", y="query: looks", height=size)
    figure.add_heatmap(
        z=np.where(np.tri(len(pattern), dtype=bool), pattern, np.nan),
        zmin=0,
        zmax=top,
        colorscale=SEQUENTIAL,
        text=[[f"{q} looks at {k}" for k in labels] for q in labels],
        hovertemplate="%{text}<br>%{z:.3f}<extra></extra>",
        hoverongaps=False,
        colorbar={"title": {"text": f"share<br>(top {top:.2f})"}, "thickness": 14},
    )
    figure.update_xaxes(**_ticks(tokens), showgrid=False)
    figure.update_yaxes(**_ticks(tokens), showgrid=False, autorange="reversed")
    return figure


def _label(place: int, token: str) -> str:
    return f"{place + 1} {html.escape(visible(token))}"


def _ticks(tokens: Sequence[str]) -> dict:
    """Every token named where there is room, else every second, third ..."""
    step = -(-len(tokens) // _MAX_TICKS) or 1
    places = list(range(0, len(tokens), step))
    return {
        "tickmode": "array",
        "tickvals": places,
        "ticktext": [html.escape(visible(tokens[i])) for i in places],
        "tickfont": {"size": 10, "family": "monospace"},
    }
