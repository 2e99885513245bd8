"""A figure on a page: no toolbar over its title, and no double click that zooms it out.

chart(heads_heatmap(heads), key="map", alt="Map of all heads", on_select=take_click)
"""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import streamlit as st

BARE = {"displayModeBar": False, "doubleClick": False}


def chart(figure: go.Figure, *, key: str, alt: str, where: Any = st, **how: Any) -> None:
    """Draw `figure` `where` it belongs; `alt` is what it shows, for those who cannot see it."""
    where.plotly_chart(figure, key=key, alt=alt, config=BARE, **how)
