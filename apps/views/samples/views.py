"""A filtered pool on the Samples page: what its score follows, and the samples at its two ends.

show_relations(table, places, "excess", ["n_steps"])
show_extremes(table, places, texts)
"""

from __future__ import annotations

import numpy as np
import streamlit as st
from jaxtyping import Int64

from apps.reading.scores import ScoreTable
from apps.reading.texts import Texts
from apps.widgets.chart import chart
from apps.widgets.sample_card import sample_card
from apps.words.numbers import WORDS
from workbench.figures import quartiles_by_label, score_against_label, score_against_length

N_SHOWN = 2
MOST_POINTS = 3_000
MOST_FOR_LABELS = 200_000
COLUMNS = ("row_id", "row_index", "n_tokens", "score", "score_within_length", "level", "n_steps")


def show_relations(
    table: ScoreTable, places: Int64[np.ndarray, " place"], name: str, labels: list[str]
) -> None:
    """Score against length, and against a label of difficulty where the data has one."""
    against = st.selectbox(
        "Score against",
        ["length", *labels],
        key="follows",
        bind="query-params",
        help=WORDS["label_correlation"],
    )
    if against == "length" or against not in labels:
        some = table.sample(places, MOST_POINTS)
        if len(some) < len(places):
            st.caption(f"{len(some):,} of {len(places):,} rows, evenly spread, are drawn.")
        points = table.rows(some, ("row_id", "row_index", "n_tokens", "score"))
        figure = score_against_length(points, name=name)
        alt = "Score of the rows against their number of tokens"
    else:
        some = table.sample(places, MOST_FOR_LABELS)
        frame = quartiles_by_label(table.numbers(against)[some], table.numbers("score")[some])
        figure = score_against_label(frame, label=against, name=name)
        alt = f"Median and quartiles of the score at each {against}"
    chart(figure, key="relation", alt=alt)


def show_extremes(
    table: ScoreTable, places: Int64[np.ndarray, " place"], texts: Texts | None
) -> None:
    st.subheader("Highest and lowest")
    for column, name in zip(st.columns(2, gap="large"), ("Highest", "Lowest"), strict=True):
        ends = table.page(places, order="score", descending=name == "Highest", limit=N_SHOWN)
        with column:
            st.markdown(f"**{name}**")
            for row in table.rows(ends, COLUMNS).to_dict("records"):
                sample_card(texts, row)
