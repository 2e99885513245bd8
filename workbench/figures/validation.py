"""A validation as pictures: circuit and random sets, cumulative knock-out, controls, probes.

report = read_validation(validation_path)
random_draws(report, "loss"), knockout_curve(report), control_rises(report)
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from workbench.figures.look import BLUE, GREY, ORANGE, VERMILION, framed
from workbench.names import MEASURES, NATS, SETS

_BINS = 30


def random_draws(report: Mapping[str, Any], measure: str) -> go.Figure:
    """Histogram of the random draws, with lines for circuit, bottom heads and the unchanged model.

    `report` is the content of `validation.json`, `measure` is `loss`, `exact` or `accuracy`.
    """
    draws = np.asarray(report["random"][measure], dtype=float)
    marks = [
        (SETS[key].short, float(report[key][measure]), color, dash)
        for key, color, dash in (
            ("base", GREY, "dot"),
            ("bottom", BLUE, "dash"),
            ("circuit", VERMILION, "solid"),
        )
    ]
    span = [*draws, *(value for _, value, _, _ in marks)]
    low, high = min(span), max(span)
    # A little room on both sides, also where everything is one value.
    room = 0.05 * (high - low) or 0.05
    counts, edges = np.histogram(draws, bins=_BINS, range=(low - room, high + room))
    shown = MEASURES[measure]
    title = f"{shown.name.capitalize()} with {len(draws)} random sets uniform"
    x = f"{shown.label}; {'right' if measure == 'loss' else 'left'}: more damage"
    figure = framed(title, x=x, y=SETS["random"].short, height=420)
    figure.add_bar(
        x=(edges[:-1] + edges[1:]) / 2,
        y=counts,
        width=np.diff(edges),
        marker={"color": GREY, "opacity": 0.6},
        name=SETS["random"].short,
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
    return _legend_below(figure)


def knockout_curve(report: Mapping[str, Any], measure: str = "loss") -> go.Figure:
    """`loss` or `exact` by the number of heads made uniform: the circuit's first, each by rank;
    and the band of random orders."""
    curve = report["curve"]
    sizes = [0, *curve["n_heads"]]
    base = curve[f"base_{measure}"]
    random = np.array([[base, *row] for row in curve[f"random_{measure}"]])
    title = f"Heads uniform one by one, on {curve['n_samples']} samples"
    figure = framed(title, x="heads made uniform", y=MEASURES[measure].label, height=420)
    if len(random):
        for edge, fill in ((random.max(axis=0), None), (random.min(axis=0), "tonexty")):
            figure.add_scatter(
                x=sizes,
                y=edge,
                mode="lines",
                line={"width": 0},
                fill=fill,
                fillcolor="rgba(140,140,140,0.25)",
                name="range of random orders",
                showlegend=fill is not None,
                hoverinfo="skip",
            )
        figure.add_scatter(
            x=sizes,
            y=random.mean(axis=0),
            mode="lines+markers",
            line={"color": GREY, "dash": "dash"},
            name=f"{len(random)} random orders, mean",
        )
    figure.add_scatter(
        x=sizes,
        y=[base, *curve[measure]],
        mode="lines+markers",
        line={"color": VERMILION, "width": 2.5},
        name="the circuit, then the others, each by rank",
    )
    n_circuit = len(report["heads"])
    figure.add_vline(x=n_circuit, line={"dash": "dot", "color": GREY}, annotation_text="circuit")
    return _legend_below(figure)


def control_rises(report: Mapping[str, Any]) -> go.Figure:
    """Nats a token that the loss rises by, here and on each control: one group each."""
    places = [("these problems", report["base"]["loss"], _losses(report))]
    for control in report["controls"]:
        losses = {name: control[f"{name}_loss"] for name in ("circuit", "bottom")}
        losses["random"] = control["random_mean_loss"]
        places.append((html.escape(control["data"]), control["base_loss"], losses))
    figure = framed(
        "Special? Loss added here and on other data",
        x="",
        y=NATS,
        height=420,
    )
    for key, name, color in (
        ("circuit", f"{SETS['circuit'].short} uniform", VERMILION),
        ("random", SETS["random"].uniform, GREY),
        ("bottom", SETS["bottom"].short, BLUE),
    ):
        there = [(place, losses[key] - base) for place, base, losses in places if losses[key]]
        figure.add_bar(
            x=[place for place, _ in there],
            y=[rise for _, rise in there],
            name=name,
            marker={"color": color},
            hovertemplate="%{x}: %{y:+.3f} nats<extra></extra>",
        )
    return _legend_below(figure)


def _losses(report: Mapping[str, Any]) -> dict[str, float]:
    return {
        "circuit": report["circuit"]["loss"],
        "bottom": report["bottom"]["loss"],
        "random": report["random"]["mean_loss"],
    }


def stability_bars(report: Mapping[str, Any]) -> go.Figure:
    """Overlap of circuits and rank correlation: on resampled probes, and between halves."""
    found = report["stability"]
    title = f"Same heads from another probe? ({found['n_samples']} samples)"
    figure = framed(title, x="", y="agreement, 1 is perfect", height=420)
    for part, name, color in (
        ("bootstrap", "resampled probes against the whole", BLUE),
        ("halves", "one half against the other", ORANGE),
    ):
        measures = [found[part]["overlap"], found[part]["rank_correlation"]]
        figure.add_bar(
            x=["overlap of the circuits", "rank correlation of all heads"],
            y=[m["mean"] for m in measures],
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [m["high"] - m["mean"] for m in measures],
                "arrayminus": [m["mean"] - m["low"] for m in measures],
            },
            name=name,
            marker={"color": color},
            hovertemplate="%{x}: %{y:.2f}<extra></extra>",
        )
    figure.update_yaxes(range=[min(0, _floor(found)), 1.05])
    return _legend_below(figure)


def _floor(found: Mapping[str, Any]) -> float:
    """The lowest end of all ranges: a rank correlation may be negative."""
    parts = (found["bootstrap"], found["halves"])
    return min(part[name]["low"] for part in parts for name in ("overlap", "rank_correlation"))


def _legend_below(figure: go.Figure) -> go.Figure:
    """Below the axis, where the entries cannot cover the title."""
    figure.update_layout(
        margin={"t": 50, "b": 150},
        legend={"orientation": "v", "x": 0, "xanchor": "left", "y": -0.3, "yanchor": "top"},
    )
    return figure
