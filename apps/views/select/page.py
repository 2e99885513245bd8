"""Select & export: which smaller dataset follows from the scores, and what would it be like?"""

from __future__ import annotations

import pandas as pd
import streamlit as st

from apps.reading.files import load
from apps.reading.marks import marks_path
from apps.reading.scores import ScoreTable
from apps.reading.texts import Texts
from apps.views.select.export import save_selection, show_export
from apps.views.select.more import choose_combined
from apps.views.select.options import choose_options, draw_form
from apps.views.select.pool import PreviewPool, preview_pool
from apps.views.select.preview import show_comparison, show_preview
from apps.widgets.runs import workspace
from apps.widgets.sample_card import sample_card
from apps.widgets.score_choice import choose_scores
from apps.widgets.texts import texts_of
from apps.words.guides import show_heading
from apps.words.markdown import literal
from workbench.errors import WorkbenchError
from workbench.selection import Selection


def show_examples(pool: PreviewPool, chosen: Selection, texts: Texts | None) -> None:
    """The ends of the selection, and of what it leaves out."""
    st.subheader("What that means in rows")
    ranked = pool.frame.sort_values("score", ascending=False, kind="stable")
    is_in = ranked["row_id"].isin(chosen.rows["row_id"].tolist()).to_numpy()
    chosen_rows, others = ranked.loc[is_in], ranked.loc[~is_in]
    shown = {
        "Highest score chosen": chosen_rows.head(1),
        "Lowest score chosen": chosen_rows.tail(1),
        "Highest score left out": others.head(1),
    }
    for column, (name, rows) in zip(st.columns(3), shown.items(), strict=True):
        with column:
            st.markdown(f"**{name}**")
            _show_rows(rows, texts)


def _show_rows(rows: pd.DataFrame, texts: Texts | None) -> None:
    if rows.empty:
        st.caption("None.")
    for row in rows.to_dict("records"):
        sample_card(texts, row)


show_heading("Select & export", "select")
run = choose_scores()
table = load(ScoreTable.open, run.result)
if not len(table.ok):
    st.info("No row of this run has a score.")
    st.stop()
st.caption("A smaller dataset drawn by score. Nothing is written before you say so.")
texts = texts_of(run, table.n_rows)
saved = workspace().children(run, "select")
left, right = st.columns([3, 2], gap="large")
with right:
    form = draw_form()
    save_place = st.container()
    with form.more:
        drawn_from = choose_combined(run)
chosen = None
try:
    pool = preview_pool(table, texts, drawn_from)
    asked = choose_options(form, pool, run, marks_path(run))
except WorkbenchError as err:
    left.error(literal(f"This selection is not possible: {err}"))
else:
    with left:
        chosen = show_preview(pool, asked)
        if chosen is not None:
            show_comparison(chosen, pool, saved)
    if chosen is not None:
        with save_place:
            if st.button("Save this selection", type="primary", icon=":material/bookmark_add:"):
                save_selection(drawn_from, asked, n_rows=table.n_rows, marks=marks_path(run))
                saved = workspace().children(run, "select")
        show_examples(pool, chosen, texts)
st.subheader("Export")
if saved:
    previewed = frozenset(chosen.rows["row_id"].tolist() if chosen is not None else ())
    show_export(run, saved, n_rows=table.n_rows, previewed=previewed)
else:
    st.caption("Save a selection first; then its format and its dataset card are shown here.")
