"""How every figure looks: colours that colour-blind readers can tell apart, and one frame.

figure = framed("Scores", x="score", y="rows")
"""

from __future__ import annotations

import plotly.graph_objects as go

# Okabe and Ito's palette (jfly.uni-koeln.de/color); the grey is legible on light and dark.
BLUE, ORANGE, VERMILION, GREY = "#0072B2", "#E69F00", "#D55E00", "#8C8C8C"
DIVERGING = "RdBu_r"
SEQUENTIAL = "Cividis"


def framed(title: str, *, x: str, y: str, height: int = 340) -> go.Figure:
    """An empty figure with its title and both axes named; the background is the page's."""
    figure = go.Figure()
    figure.update_layout(
        title={"text": title, "font": {"size": 15}},
        height=height,
        margin={"l": 60, "r": 20, "t": 60, "b": 50},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "xanchor": "right", "x": 1.0},
        hoverlabel={"align": "left"},
    )
    figure.update_xaxes(title_text=x, zeroline=False)
    figure.update_yaxes(title_text=y, zeroline=False)
    return figure
