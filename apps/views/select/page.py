"""Select & export: which smaller dataset follows from the scores, and what would it be like?"""

from __future__ import annotations

import streamlit as st
from jaxtyping import Int64
from numpy import ndarray

from apps.reading.files import load
from apps.reading.marks import marks_path
from apps.reading.scores import ScoreTable
from apps.reading.texts import Texts
from apps.views.select.export import save_selection, show_export
from apps.views.select.options import choose_options, preview_pool
from apps.views.select.preview import show_comparison, show_preview
from apps.widgets.runs import workspace
from apps.widgets.sample_card import sample_card
from apps.widgets.score_choice import choose_scores
from apps.widgets.texts import texts_of
from apps.words.guides import show_heading
from workbench.selection import Selection

COLUMNS = ("row_id", "row_index", "n_tokens", "score", "score_within_length", "level", "n_steps")


def show_examples(table: ScoreTable, chosen: Selection, texts: Texts | None) -> None:
    """The ends of the selection, and of what it leaves out."""
    st.subheader("What that means in rows")
    is_in = table.find("row_id", chosen.rows["row_id"].tolist())
    inside = set(is_in.tolist())
    highest = table.page(table.ok, order="score", limit=len(inside) + 1)
    left_out = [place for place in highest.tolist() if place not in inside][:1]
    shown = {
        "Highest score chosen": table.page(is_in, order="score", limit=1),
        "Lowest score chosen": table.page(is_in, order="score", descending=False, limit=1),
        "Highest score left out": highest[[place in left_out for place in highest.tolist()]],
    }
    for column, (name, places) in zip(st.columns(3), shown.items(), strict=True):
        with column:
            st.markdown(f"**{name}**")
            _show_rows(table, places, texts)


def _show_rows(table: ScoreTable, places: Int64[ndarray, " place"], texts: Texts | None) -> None:
    rows = table.rows(places, COLUMNS).to_dict("records")
    if not rows:
        st.caption("None.")
    for row in rows:
        sample_card(texts, row)


show_heading("Select & export", "select")
run = choose_scores()
table = load(ScoreTable.open, run.result)
if not len(table.ok):
    st.info("No row of this run has a score.")
    st.stop()
st.caption("A smaller dataset drawn by score. Nothing is written before you say so.")
texts = texts_of(run, table.n_rows)
pool = preview_pool(table, texts)
saved = workspace().children(run, "select")
left, right = st.columns([3, 2], gap="large")
with right:
    options = choose_options(pool, table, marks_path(run))
    save_place = st.container()
with left:
    chosen = show_preview(pool, options)
    if chosen is not None:
        show_comparison(chosen, pool, saved)
if chosen is not None:
    with save_place:
        if st.button("Save this selection", type="primary", icon=":material/bookmark_add:"):
            save_selection(run, options, n_rows=table.n_rows, marks=marks_path(run))
            saved = workspace().children(run, "select")
    show_examples(table, chosen, texts)
st.subheader("Export")
if saved:
    show_export(run, saved, n_rows=table.n_rows)
else:
    st.caption("Save a selection first; then its format and its dataset card are shown here.")
