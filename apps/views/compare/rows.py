"""Rows that are in one top, or one selection, and not in the other; one of them opened.

show_rows(run, frame)      # frame: row_id, row_index, n_tokens, side, and numbers to show
"""

from __future__ import annotations

import pandas as pd
import streamlit as st

from apps.reading.files import load
from apps.reading.runs import FoundRun
from apps.reading.scores import ScoreTable
from apps.widgets.one_sample import remember_row, show_ways
from apps.widgets.sample_card import sample_card
from apps.widgets.texts import texts_of
from apps.words.numbers import WORDS

MOST, PREVIEW = 100, 100
WAYS = {"first only": "Only in the first", "second only": "Only in the second", "both": "In both"}
CARD = ("row_id", "row_index", "n_tokens", "score", "score_within_length", "level", "n_steps")


def show_rows(run: FoundRun, frame: pd.DataFrame) -> None:
    """The rows of one side as a table; a click opens one, with ways to the other pages."""
    counts = frame["side"].value_counts()
    side = st.segmented_control(
        "Rows",
        list(WAYS),
        default="first only",
        required=True,
        format_func=lambda name: f"{WAYS[name]} ({counts.get(name, 0):,})",
        key="side",
        bind="query-params",
        help=WORDS["side"],
    )
    chosen: pd.DataFrame = frame.loc[frame["side"] == side]
    by = "second" if side == "second only" else "first"
    if by in chosen:
        chosen = chosen.sort_values(by, ascending=False)
    some: pd.DataFrame = chosen.head(MOST)
    if some.empty:
        st.caption("None.")
        return
    table = load(ScoreTable.open, run.result)
    texts = texts_of(run, table.n_rows)
    shown: pd.DataFrame = some.drop(columns=["side", "row_index"])
    shown = shown.rename(columns={"n_tokens": "tokens"})
    if texts is not None:
        prompts = texts.prompts(some["row_index"].tolist(), some["row_id"].tolist())
        shown.insert(1, "text", [prompt[:PREVIEW] for prompt in prompts])
    if len(chosen) > MOST:
        st.caption(f"The first {MOST} of {len(chosen):,}.")
    event = st.dataframe(
        shown,
        hide_index=True,
        height=380,
        key=f"rows-{side}",
        on_select="rerun",
        selection_mode=["single-row", "single-cell"],
        alt="Rows on one side of the comparison",
    )
    cells = event["selection"]["cells"]
    picked = [place for place, _ in cells] or event["selection"]["rows"]
    if not picked or picked[0] >= len(some):
        st.caption("Click a row to open it.")
        return
    row_id = some["row_id"].tolist()[picked[0]]
    places = table.find("row_id", [row_id])
    remember_row(run, row_id)
    sample_card(texts, table.rows(places, CARD).iloc[0].to_dict())
    show_ways(run, row_id, here="compare")
