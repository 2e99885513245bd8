"""A box whose choice always stands in the page's address, the first one too.

A bound widget leaves its default out of the address, and takes any other option for one it does not
know. A link to the newest run would then show another one as soon as there is a newer.

title = choose_addressed("Scores", ["gsm8k · excess · 1a2b3c4d"], key="scores")
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from apps.words.markdown import literal


def choose_addressed(label: str, names: Sequence[str], *, key: str, help: str | None = None) -> str:
    """One of `names`; says so where the address asks for one that is not among them.

    A page that has just made one leaves its name in the session under `<key>-wanted`.
    """
    told, lost = f"{key}-told", f"{key}-lost"
    asked = st.session_state.pop(f"{key}-wanted", None) or st.query_params.get(key)
    if asked is not None and asked != st.session_state.get(told):
        found = _meant(asked, names)
        st.session_state[lost] = None if found else asked
        st.session_state[key] = found or names[0]
    if st.session_state.get(key) not in names:
        st.session_state[key] = names[0]
    chosen = st.selectbox(
        label,
        names,
        key=key,
        help=help,
        persist_state="session",
        on_change=lambda: st.session_state.update({lost: None}),
    )
    st.session_state[told] = st.query_params[key] = chosen
    if st.session_state.get(lost):
        st.warning(literal(f"The link names “{st.session_state[lost]}”, which is not here."))
    return chosen


def _meant(asked: str, names: Sequence[str]) -> str | None:
    """The name itself, or the one that it begins: links of before say nothing of the origin."""
    if asked in names:
        return asked
    return next((name for name in names if asked and name.startswith(f"{asked} ·")), None)
