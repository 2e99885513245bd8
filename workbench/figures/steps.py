"""One solution step by step: its text coloured by step, and each step's losses and weight.

step_blocks(parts, scores, meaning="influence"), step_losses(steps)
step_weight_bars(weights, parts, rule="softmax")
"""

from __future__ import annotations

import html
from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float

from workbench.figures.look import BLUE, GREY, ORANGE, VERMILION, framed, shade

_SHORT = 60


def step_blocks(
    texts: Sequence[str], values: Float[np.ndarray, " step"], *, meaning: str, middle: float = 0.0
) -> str:
    """HTML: one block a step with its number and value; all text is escaped.

    Orange above `middle` (0 for a score, 1 for a weight), blue below; the value farthest from it is
    the darkest, so colours compare the steps of one solution only.
    """
    reach = float(np.max(np.abs(values - middle), initial=0.0)) or 1.0
    blocks = []
    for number, (text, value) in enumerate(zip(texts, values, strict=True), start=1):
        label = html.escape(f"step {number}: {meaning} {value:.3g}", quote=True)
        style = (
            f"background:{shade((float(value) - middle) / reach)};border-radius:6px;"
            "padding:.35rem .6rem;margin:.3rem 0;display:flex;gap:.8rem"
        )
        note = "flex:0 0 5.5rem;font-size:.8rem;opacity:.8;padding-top:.15rem"
        body = "white-space:pre-wrap;overflow-wrap:anywhere;min-width:0"
        blocks.append(
            f'<div title="{label}" style="{style}"><div style="{note}">{number} · {value:+.3g}'
            f'</div><div style="{body}">{html.escape(text.strip(chr(10)))}</div></div>'
        )
    return f"<div>{''.join(blocks)}</div>"


def step_losses(steps: pd.DataFrame) -> go.Figure:
    """Loss of each step as it is and with the heads uniform; the gap is what the heads gave.

    `steps` has `loss_base`, `loss_weak`, `n_tokens` and `score`, one row a step, in reading order.
    """
    figure = framed(
        "Loss by step; a wide gap: needs the heads", x="step", y="nats per token", height=360
    )
    numbers = np.arange(1, len(steps) + 1)
    for column, name, color in (
        ("loss_base", "as it is", BLUE),
        ("loss_weak", "heads uniform", VERMILION),
    ):
        figure.add_bar(
            x=numbers,
            y=steps[column],
            name=name,
            marker={"color": color},
            customdata=steps[["n_tokens", "score"]].to_numpy(),
            hovertemplate=f"step %{{x}}, {name}: %{{y:.3f}}<br>"
            "%{customdata[0]} tokens, influence %{customdata[1]:.3g}<extra></extra>",
        )
    figure.update_layout(barmode="group", margin={"t": 80})
    return _by_step(figure, len(steps))


def step_weight_bars(
    weights: Float[np.ndarray, " step"], texts: Sequence[str], *, rule: str
) -> go.Figure:
    """The weight of each step's tokens in training; the line at 1 is training without weights."""
    title = f"Training weight by step ({rule}); dashed: plain training"
    figure = framed(title, x="step", y="weight", height=360)
    figure.add_bar(
        x=np.arange(1, len(weights) + 1),
        y=weights,
        marker={"color": [ORANGE if weight > 1 else GREY for weight in weights]},
        customdata=[html.escape(" ".join(text.split())[:_SHORT]) for text in texts],
        hovertemplate="step %{x}: weight %{y:.3f}<br>%{customdata}<extra></extra>",
        showlegend=False,
    )
    line = {"dash": "dash", "color": VERMILION, "width": 1.5}
    figure.add_hline(y=1, line=line)
    figure.update_layout(margin={"t": 80})
    return _by_step(figure, len(weights))


def _by_step(figure: go.Figure, n_steps: int) -> go.Figure:
    """Every step named where there is room."""
    figure.update_xaxes(dtick=max(1, -(-n_steps // 20)), tick0=1, range=[0.4, n_steps + 0.6])
    return figure
