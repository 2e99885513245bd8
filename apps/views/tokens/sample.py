"""One sample on the Tokens page: its numbers, its shaded text, its bars, its score in variants.

show_sample(shown, table, row, seen, key="a", score=run.manifest["config"])
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from jaxtyping import Float

from apps.passes.attention import Attended, TokenView, token_view
from apps.reading.scores import ScoreTable
from apps.views.tokens.split import show_split
from apps.widgets.chart import chart
from apps.widgets.patterns import choose_window, draw_pattern
from apps.widgets.sample_card import is_known
from apps.words.numbers import WORDS
from workbench.figures import head_name, token_bars, token_strip
from workbench.scoring import contributions
from workbench.types import Head

SHADES = {"attention received": "received", "contribution": "contribution"}
VARIANTS = ("paper", "cv2", "excess")


@dataclass(frozen=True)
class Shown:
    """What is looked at: whose attention, with or without the sink, shaded by what.

    `only` is one head; None is the mean over the circuit.
    """

    circuit: tuple[Head, ...]
    only: Head | None
    pattern: Head
    drop_sink: bool
    shade: str
    is_double: bool


def show_sample(
    shown: Shown,
    table: ScoreTable,
    row: dict[str, Any],
    seen: Attended,
    *,
    key: str,
    score: Mapping[str, Any],
) -> None:
    """Everything about one sample, from top to bottom; `score` says how the run scores."""
    heads = (shown.only,) if shown.only is not None else shown.circuit
    view = token_view(seen, heads, drop_sink=shown.drop_sink)
    _show_numbers(shown, row, view)
    if shown.only is None and shown.drop_sink == bool(score.get("drop_sink")):
        # Of another window, or of one head, it would not be this score that is told of.
        by = score.get("variant") or "paper"
        show_split(heads, view, by, per_head=bool(score.get("per_head")))
    values = view.received if shown.shade == "received" else contributions(view.received)
    window = choose_window(values, title="The whole sample", key=f"{key}-window")
    _show_tokens(shown, view, values, window, key)
    _show_variants(table, row)
    _say_whose_pattern(shown)
    start, end = view.start + window[0], view.start + window[1]
    draw_pattern(
        seen,
        shown.pattern,
        key=f"{key}-pattern",
        window=(start, end),
        is_small=shown.is_double,
    )


def _say_whose_pattern(shown: Shown) -> None:
    """A pattern is of one head, also where all else is the mean of the circuit."""
    st.markdown(f"**Where one head looks: {head_name(*shown.pattern)}**")
    if shown.only is None:
        st.caption(
            "A mean has no pattern of its own: this is the circuit's first head in rank. Choose "
            "another under “Attention of”."
        )


def _show_numbers(shown: Shown, row: dict[str, Any], view: TokenView) -> None:
    first, second = st.columns(2)
    first.metric("Score", f"{row['score']:.3g}", help=WORDS["score"])
    second.metric("Tokens", f"{row['n_tokens']:,}", help=WORDS["n_tokens"])
    if is_known(row.get("score_within_length")):
        share = f"{row['score_within_length']:.0%}"
        first.metric("Within like lengths", share, help=WORDS["within_length"])
    here = float(contributions(view.received).mean())
    second.metric("Paper's score here", f"{here:.3g}", help=WORDS["paper"])
    column = "paper_no_sink" if shown.drop_sink else "paper"
    if shown.only is None and column in row:
        st.caption(
            f"The paper's score is the mean of (a − 1/T)² over the tokens below; the scores table "
            f"has {row[column]:.3g}."
        )


def _show_tokens(
    shown: Shown,
    view: TokenView,
    values: Float[np.ndarray, " pos"],
    window: tuple[int, int],
    key: str,
) -> None:
    start, end = window
    is_received = shown.shade == "received"
    meaning = "attention received" if is_received else "contribution to the score"
    tokens, first = view.tokens[start:end], start + 1
    top = float(values.max(initial=0.0)) or None
    st.html(token_strip(tokens, values[start:end], meaning=meaning, first=first, top=top))
    chart(
        token_bars(
            tokens,
            values[start:end],
            title="By token" + ("; the line is an even share, 1/T" if is_received else ""),
            unit="share of attention" if is_received else "(a − 1/T)²",
            reference=1 / len(values) if is_received else None,
            first=first,
        ),
        key=f"{key}-bars",
        alt=f"{meaning} of every token",
    )


def _show_variants(table: ScoreTable, row: dict[str, Any]) -> None:
    """The score in every variant, and where each puts the sample in the pool."""
    lines = [
        {
            "variant": name + (", no sink" if suffix else ""),
            "score": row[name + suffix],
            "pool below": table.share_below(name + suffix, row[name + suffix]),
        }
        for name in VARIANTS
        for suffix in ("", "_no_sink")
        if name + suffix in table.columns and np.isfinite(row.get(name + suffix, np.nan))
    ]
    if not lines:
        return
    st.markdown("**The same sample in every variant of the score**")
    st.dataframe(
        pd.DataFrame(lines),
        hide_index=True,
        column_config={
            "variant": st.column_config.TextColumn(help=WORDS["variants"]),
            "score": st.column_config.NumberColumn(format="%.3g", help=WORDS["variant_score"]),
            "pool below": st.column_config.ProgressColumn(
                format="percent", min_value=0, max_value=1, help=WORDS["pool_below"]
            ),
        },
        alt="The score of this sample in every variant, and the share of the pool below it",
    )
