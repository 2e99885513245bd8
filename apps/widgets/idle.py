"""A warning where heads of a circuit are idle: they cost much when uniform, and contribute nothing.

warn_of_idle(heads)
"""

from __future__ import annotations

import streamlit as st

from apps.words.numbers import WORDS
from workbench.figures import head_name
from workbench.types import HeadScores


def warn_of_idle(heads: HeadScores) -> None:
    """Says which heads of the circuit are idle; silent where none is known to be."""
    circuit = [h for h in heads.heads if h.selected]
    idle = [h for h in circuit if h.idle]
    if not idle:
        return
    names = ", ".join(head_name(h.layer, h.head) for h in sorted(idle, key=lambda h: h.rank))
    are = "is" if len(idle) == 1 else "are"
    st.warning(
        f"{len(idle)} of the {len(circuit)} heads of this circuit {are} idle: {names}. "
        f"{WORDS['idle']}",
        icon=":material/hotel:",
    )
