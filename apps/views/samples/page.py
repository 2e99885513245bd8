"""Samples: what do the scores prefer, and what do they follow besides difficulty?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from apps.reading.files import load, read_json
from apps.reading.marks import marks_path
from apps.reading.runs import FoundRun
from apps.reading.scores import ScoreTable
from apps.views.samples.browser import show_browser
from apps.views.samples.filters import choose_range, choose_rows, offer_reset
from apps.views.samples.labelling import known_labels, label_all
from apps.views.samples.views import show_extremes, show_relations
from apps.widgets.score_choice import choose_scores
from apps.widgets.texts import known_marks, texts_of
from apps.words.guides import show_heading
from apps.words.markdown import literal
from apps.words.numbers import WORDS
from workbench.scoring import correlations_of, followed


def correlation(summary: dict[str, Any], label: str) -> float | None:
    """Spearman's correlation of the score with a label, from the run's summary."""
    return correlations_of(summary).get(label)


def show_numbers(table: ScoreTable, summary: dict[str, Any], label: str | None) -> None:
    columns = st.columns(4)
    word = (summary["variant"] or "score").removesuffix("_no_sink")
    columns[0].metric("Rows scored", f"{len(table.ok):,}", help=WORDS["score"])
    middle = float(np.median(table.scored("score")))
    columns[1].metric("Median score", f"{middle:.3g}", help=WORDS.get(word, WORDS["score"]))
    pull = correlation(summary, "length")
    columns[2].metric("Follows length", signed(pull), help=WORDS["length_correlation"])
    if label is not None:
        value = correlation(summary, label)
        columns[3].metric(
            f"Follows {literal(label)}", signed(value), help=WORDS["label_correlation"]
        )
        fixed = correlation(summary, f"{label}|length")
        columns[3].caption(f"{signed(fixed)} with length held fixed")
    for found in followed(summary):
        adjust = " Adjust for length when you select." if found.column == "length" else ""
        st.warning(found.sentence + adjust)


def signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.2f}"


def show_more(run: FoundRun, table: ScoreTable, summary: dict[str, Any]) -> None:
    """Every correlation, and the rows without a score."""
    frame = pd.DataFrame(summary["correlations"])
    numbers = [name for name in frame.columns if name not in ("score", "n")]
    frame = frame[[name for name in ("score", *numbers, "n") if name in frame.columns]]
    with st.expander("What the scores follow: Spearman correlations"):
        st.caption(WORDS["correlations"])
        st.dataframe(
            frame,
            hide_index=True,
            column_config={name: st.column_config.NumberColumn(format="%+.2f") for name in numbers},
        )
    if table.n_rows > len(table.ok):
        with st.expander(f"{table.n_rows - len(table.ok):,} rows without a score"):
            st.dataframe(table.unscored(), hide_index=True)


show_heading("Samples", "samples")
run = choose_scores()
table = load(ScoreTable.open, run.result)
summary = load(read_json, run.folder / "summary.json")
name = summary["variant"] or summary["method"]
word = (summary["variant"] or summary["method"]).removesuffix("_no_sink")
part = "whole" if summary["part"] == "all" else summary["part"]
st.caption(f"Scores by {literal(name)} over the {literal(part)} of each row. {WORDS.get(word, '')}")
if not len(table.ok):
    st.info("No row of this run has a score.")
    show_more(run, table, summary)
    st.stop()
labels = table.labels(summary.get("labels", []))
show_numbers(table, summary, labels[0] if labels else None)
left, right = st.columns(2, gap="large")
with left:
    span = choose_range(table, name)
texts = texts_of(run, table.n_rows)
marks = known_marks(marks_path(run))
own = known_labels(run)
places = choose_rows(table, span, texts, marks or {}, own or {})
with right:
    show_relations(table, places if len(places) else table.ok, name, labels)
st.subheader(f"{len(places):,} of {len(table.ok):,} rows")
if len(places) < len(table.ok):
    offer_reset(table)
hand = None if marks is None else marks_path(run)
if len(places) and own is not None:
    label_all(run, table, places, texts, hand)
show_browser(run, table, places, texts, hand)
if len(places):
    show_extremes(table, places, texts)
show_more(run, table, summary)
