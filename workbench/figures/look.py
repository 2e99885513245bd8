"""How every figure looks: colours that colour-blind readers can tell apart, and one frame.

figure = framed("Scores", x="score", y="rows")
"""

from __future__ import annotations

import html

import plotly.graph_objects as go

# Okabe and Ito's palette (jfly.uni-koeln.de/color); the grey is legible on light and dark.
BLUE, ORANGE, VERMILION, GREY = "#0072B2", "#E69F00", "#D55E00", "#8C8C8C"
_UP, _DOWN = "230,159,0", "86,180,233"
DIVERGING = "RdBu_r"
SEQUENTIAL = "Cividis"


def framed(title: str, *, x: str, y: str, height: int = 340) -> go.Figure:
    """An empty figure with its title and both axes named; the background is the page's.

    Plotly reads markup in every text, links as well: these three are shown as they are.
    """
    title, x, y = map(html.escape, (title, x, y))
    figure = go.Figure()
    figure.update_layout(
        # The title on a line of its own, above that of the legend.
        title={"text": title, "font": {"size": 15}, "y": 1, "yanchor": "top", "pad": {"t": 6}},
        height=height,
        margin={"l": 60, "r": 20, "t": 66, "b": 50},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.0, "xanchor": "right", "x": 1.0},
        hoverlabel={"align": "left"},
    )
    # Numbers as they are: 0.0003, not 300µ.
    plain = {"zeroline": False, "exponentformat": "none", "separatethousands": True}
    figure.update_xaxes(title_text=x, **plain)
    figure.update_yaxes(title_text=y, **plain)
    return figure


def row_height(n_rows: int) -> int:
    """Pixels for each row of a map: the more there are the lower, and a label always fits."""
    return max(18, min(34, 540 // n_rows))


def shade(share: float) -> str:
    """A background for text: orange for 0 to 1, blue for 0 to -1, the stronger the farther from 0.

    At most half opaque, which keeps dark and light text legible on it.
    """
    opacity = 0.55 * min(1.0, abs(share))
    return f"rgba({_UP if share >= 0 else _DOWN},{opacity:.3f})"
