"""One scored sample with its text, shown as text: no row can bring markup of its own.

sample_card(texts, row, mark="keep")
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import streamlit as st

from apps.reading.texts import Texts
from apps.words.markdown import as_markdown
from workbench.selection import KEEP

MAX_CHARS = 4_000


def sample_card(
    texts: Texts | None, row: Mapping[str, Any], *, mark: str | None = None, found: str = ""
) -> None:
    """Score, length and place; the prompt with its mathematics; the solution behind a click.

    The words `found` by a search stand out; the solution is open where it holds them.
    """
    with st.container(border=True):
        st.caption(facts_of(row))
        if mark:
            is_kept = mark == KEEP
            st.badge(
                "kept" if is_kept else "dropped",
                icon=":material/check:" if is_kept else ":material/close:",
                color="green" if is_kept else "orange",
            )
        sample = texts.sample(int(row["row_index"]), row["row_id"]) if texts else None
        if sample is None:
            st.caption("The text is not at hand.")
            return
        show_text(sample.prompt, found)
        if sample.completion:
            is_there = bool(found) and found.lower() in sample.completion.lower()
            with st.expander("Solution", expanded=is_there):
                show_text(sample.completion, found)


def show_text(text: str, found: str = "") -> None:
    """Dataset text, cut where it is very long; the words `found` stand out."""
    st.markdown(as_markdown(text[:MAX_CHARS], found=found))
    if len(text) > MAX_CHARS:
        st.caption(f"The first {MAX_CHARS:,} of {len(text):,} characters.")


def is_known(value: float | None) -> bool:
    """Neither missing nor NaN."""
    return value is not None and not math.isnan(value)


def facts_of(row: Mapping[str, Any]) -> str:
    """Numbers of a row on one line."""
    parts = [f"score {row['score']:.4g}"]
    if is_known(row.get("score_within_length")):
        parts.append(f"{row['score_within_length']:.0%} within like lengths")
    parts.append(f"{int(row['n_tokens']):,} tokens")
    for name in ("level", "n_steps"):
        if is_known(row.get(name)):
            parts.append(f"{name.replace('n_steps', 'steps')} {row[name]:g}")
    return " · ".join([*parts, f"row {int(row['row_index']):,}"])
