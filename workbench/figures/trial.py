"""A trial as a picture: how each arm differs from random rows, with its interval.

trial_effects(report, "loss")
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from plotly.graph_objects import Figure

from workbench.figures.look import BLUE, GREY, VERMILION, framed
from workbench.names import NATS

AXES = {
    "loss": (f"held-out loss less that of random rows, {NATS}; left: taught more", 1.0),
    "accuracy": ("right answers less those of random rows, points; right: taught more", 100.0),
}
TASK = "{} less that of random rows; {}: taught more"
COLORS = {"better": BLUE, "worse": VERMILION}


def trial_effects(report: Mapping[str, Any], measure: str) -> Figure:
    """Every arm against random rows by `loss`, `accuracy` or a task; bars are 95 % intervals."""
    axis, unit = AXES[measure] if measure in AXES else (_task_axis(report, measure), 1.0)
    found = [
        c for c in report["comparisons"] if c["measure"] == measure and c["against"] == "random"
    ][::-1]
    height = 140 + 34 * len(found)
    figure = framed("Each arm against random rows", x=axis, y="", height=height)
    figure.add_scatter(
        x=[unit * c["difference"] for c in found],
        y=[html.escape(c["arm"]) for c in found],
        mode="markers",
        marker={"size": 10, "color": [COLORS.get(c["says"], GREY) for c in found]},
        error_x={
            "type": "data",
            "symmetric": False,
            "array": [_reach(c, "high", unit) for c in found],
            "arrayminus": [_reach(c, "low", unit) for c in found],
            "thickness": 1.5,
        },
        hovertemplate="%{y}: %{x:+.4g}<extra></extra>",
    )
    figure.add_vline(x=0, line={"dash": "dash", "color": GREY})
    figure.update_layout(showlegend=False, margin={"l": 220})
    return figure


def _task_axis(report: Mapping[str, Any], task: str) -> str:
    falling = report["tasks"][task]["lower_is_better"]
    return TASK.format(html.escape(task), "left" if falling else "right")


def _reach(comparison: Mapping[str, Any], end: str, unit: float) -> float:
    """How far the interval goes to one side; nowhere where there is none."""
    value = comparison[end]
    return 0.0 if value is None else unit * abs(value - comparison["difference"])
