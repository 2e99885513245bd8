"""What a robust circuit is the consensus of, on the Heads page.

show_settings(heads)
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from apps.words.markdown import literal
from apps.words.numbers import WORDS
from workbench.types import HeadScores


def how_kept(robust: Any) -> str:
    """The rule of the circuit, as the beginning of a sentence."""
    return f"Kept by at least {robust['keep']:.0%} of {len(robust['settings'])} settings"


def show_settings(heads: HeadScores) -> None:
    """How far the settings agree, and a row for each; nothing for other runs of heads."""
    robust = heads.robust
    if robust is None:
        return
    columns = st.columns(3)
    columns[0].metric("Kept by all", len(robust["strict"]), help=WORDS["kept"])
    columns[1].metric("Kept by most", len(robust["majority"]), help=WORDS["kept"])
    columns[2].metric("Agree in pairs", f"{robust['overlap']:.0%}", help=WORDS["overlap"])
    if robust["idle"]:
        names = ", ".join(map(literal, robust["idle"]))
        st.caption(f"Idle in most settings that looked: {names}.", help=WORDS["idle"])
    with st.expander(f"The {len(robust['settings'])} settings"):
        frame = pd.DataFrame(robust["settings"])
        st.dataframe(frame.dropna(axis=1, how="all"), hide_index=True)
