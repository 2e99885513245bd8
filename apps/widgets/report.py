"""The report of a run as one HTML file to take along.

offer_report("validate-1a2b3c4d", lambda: validation_page(report))
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st


def offer_report(name: str, page: Callable[[], str]) -> None:
    """A button; the page is made when it is pressed."""
    st.download_button(
        "HTML report",
        data=lambda: page().encode(),
        file_name=f"{name}.html",
        mime="text/html",
        icon=":material/download:",
        on_click="ignore",
    )
