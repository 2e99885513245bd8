"""An amplification as pictures: the mask as maps, its course, and what the update did.

report = read_report(report_path)
mask_maps(mask), mask_course(mask), gain_bars(report), level_bars(report)
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from workbench.figures.look import BLUE, GREY, ORANGE, SEQUENTIAL, VERMILION, framed, row_height
from workbench.names import COMPONENTS, VARIANTS

COLORS = {"mask": VERMILION, "no-mask": BLUE, "random": GREY, "lora": ORANGE}
RIGHT = "share right"
BEFORE = "rgba(140,140,140,0.7)"
# Neurons are drawn as so many columns at most: shares of what lies in each.
COLUMNS = 64
Record = Mapping[str, Any]


def mask_maps(mask: Record) -> go.Figure:
    """Layer by component, one map a kind; `mask` is the content of `mask.json`.

    Heads show their value (1: doubled by the mask, 0: removed), neurons the share that is kept of
    those in each column.
    """
    n_layers = mask["shape"]["n_layers"]
    titles = [f"{name}: {mask['counts'][kind]} kept" for kind, name in COMPONENTS.items()]
    figure = make_subplots(rows=2, cols=2, subplot_titles=titles, vertical_spacing=0.2)
    for number, kind in enumerate(COMPONENTS):
        row, column = divmod(number, 2)
        values, edges = _columns(np.asarray(mask["values"][kind], dtype=float), kind)
        hover = "layer %{y}, %{customdata}: %{z:.2f}<extra></extra>"
        figure.add_heatmap(
            z=values,
            customdata=[edges] * n_layers,
            zmin=0,
            zmax=1,
            colorscale=SEQUENTIAL,
            showscale=number == 1,
            colorbar={"title": {"text": "value, or<br>share kept"}, "thickness": 14},
            xgap=1 if kind != "neuron" else 0,
            ygap=1,
            hovertemplate=hover,
            row=row + 1,
            col=column + 1,
        )
    figure.update_yaxes(dtick=1, autorange="reversed", title_text="layer")
    figure.update_layout(
        title={"text": f"The mask: {mask['n_kept']} components, {mask['share']:.2%} of all"},
        height=220 + 2 * row_height(n_layers) * n_layers,
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        margin={"l": 60, "r": 20, "t": 80, "b": 40},
    )
    return figure


def _columns(values: np.ndarray, kind: str) -> tuple[np.ndarray, list[str]]:
    """The values by layer and column, and what each column is called."""
    n = values.shape[1]
    if kind != "neuron":
        return values, [f"head {i}" for i in range(n)]
    edges = np.linspace(0, n, min(n, COLUMNS) + 1).astype(int)
    parts = list(pairwise(edges))
    shares = np.stack([(values[:, a:b] > 0.5).mean(axis=1) for a, b in parts], axis=1)
    return shares, [f"neurons {a} to {b - 1}" for a, b in parts]


def mask_course(mask: Record) -> go.Figure:
    """The logit difference and the number of kept components by epoch."""
    curve = mask["curve"]
    epochs = [point["epoch"] for point in curve]
    figure = framed("How the mask was found", x="epoch", y="logit difference, right less wrong")
    figure.add_scatter(
        x=epochs,
        y=[point["difference"] for point in curve],
        name="with the mask",
        line={"color": VERMILION, "width": 2.5},
    )
    figure.add_hline(
        y=mask["difference_before"],
        line={"dash": "dot", "color": GREY},
        annotation_text="unchanged model",
    )
    figure.add_scatter(
        x=epochs,
        y=[point["kept"] for point in curve],
        name="components kept (right axis)",
        yaxis="y2",
        line={"color": BLUE, "dash": "dash"},
    )
    figure.update_layout(
        yaxis2={
            "title": "components kept",
            "overlaying": "y",
            "side": "right",
            "rangemode": "tozero",
        },
        margin={"r": 60},
    )
    return figure


def gain_bars(report: Record) -> go.Figure:
    """Right answers of the task before and after, by variant; a dot a seed, 95 % intervals."""
    base = report["base"]["task"]
    figure = framed("Right answers on held-out problems of the task", x="", y=RIGHT, height=400)
    figure.add_bar(
        x=["before"],
        y=[base],
        marker={"color": "rgba(140,140,140,0.5)"},
        hovertemplate="before %{y:.1%}<extra></extra>",
    )
    for name in (name for name in VARIANTS if name in report["gains"]):
        found, title, color = report["gains"][name]["task"], VARIANTS[name], COLORS[name]
        figure.add_bar(
            x=[title],
            y=[base + found["mean"]],
            marker={"color": color, "opacity": 0.7},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [found["high"] - found["mean"]],
                "arrayminus": [found["mean"] - found["low"]],
            },
            hovertemplate=f"{title} %{{y:.1%}}<extra></extra>",
        )
        figure.add_scatter(
            x=[title] * len(found["per_seed"]),
            y=[base + gain for gain in found["per_seed"]],
            mode="markers",
            marker={"color": "black", "size": 8, "line": {"color": "white", "width": 1}},
            hovertemplate="one seed %{y:.1%}<extra></extra>",
        )
    figure.add_hline(y=base, line={"dash": "dot", "color": GREY})
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    figure.update_layout(showlegend=False)
    return figure


def level_bars(report: Record) -> go.Figure:
    """Right answers by the problems' label, before and after; means over the seeds."""
    levels = report["base"]["levels"]
    label = str(report["label"] or "")
    title = f"Right answers by {label or 'kind of problem'}"
    figure = framed(title, x=label, y=RIGHT, height=400)
    for title, color, models in _series(report):
        figure.add_bar(
            x=[html.escape(level) for level in levels],
            y=[_mean([m["levels"][level]["right"] for m in models]) for level in levels],
            name=title,
            marker={"color": color},
            customdata=[levels[level]["n"] for level in levels],
            hovertemplate=f"{title}: %{{y:.1%}} of %{{customdata}}<extra></extra>",
        )
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    figure.update_xaxes(type="category")
    figure.update_layout(
        barmode="group",
        margin={"b": 110},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": -0.25, "yanchor": "top"},
    )
    return figure


def operation_bars(report: Record) -> go.Figure:
    """Calculations in given solutions written right, by operation; means over the seeds."""
    before = report["base"]["operations"]
    figure = framed("Calculations written right, by operation", x="", y=RIGHT, height=360)
    for title, color, models in _series(report):
        shares = [
            _mean([m["operations"][op]["right"] / m["operations"][op]["n"] for m in models])
            for op in before
        ]
        names = [f"{html.escape(op)} ({before[op]['n']})" for op in before]
        figure.add_bar(x=names, y=shares, name=title, marker={"color": color})
    figure.update_yaxes(tickformat=".0%", rangemode="tozero")
    figure.update_layout(
        barmode="group",
        margin={"b": 110},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": -0.25, "yanchor": "top"},
    )
    return figure


def _series(report: Record) -> list[tuple[str, str, Sequence[Record]]]:
    """Title, colour and models of each group of bars, the model before first."""
    return [
        ("before", BEFORE, [report["base"]]),
        *(
            (title, COLORS[name], report["variants"][name])
            for name, title in VARIANTS.items()
            if name in report["variants"]
        ),
    ]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))
