"""Choices that outlive what they were made for: another run has other ends of its sliders.

keep_inside("open", 1, len(places))     # before the widget of that key
"""

from __future__ import annotations

import streamlit as st


def keep_inside(key: str, low: float, high: float) -> None:
    """Forget a remembered number, or range, that does not lie between `low` and `high`."""
    value = st.session_state.get(key)
    if value is None:
        return
    ends = value if isinstance(value, tuple | list) else (value,)
    if any(not low <= end <= high for end in ends):
        del st.session_state[key]
