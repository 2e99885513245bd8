"""The table of a scored pool, one row of it opened beside it, and keeping or dropping it by hand.

show_browser(run, table, places, texts, path_of_marks)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from jaxtyping import Int64

from apps.reading.labels import Labelled
from apps.reading.marks import set_mark
from apps.reading.runs import FoundRun
from apps.reading.scores import ScoreTable
from apps.reading.texts import Texts
from apps.views.samples.filters import ANY_MARK, MARKS
from apps.views.samples.labelling import known_labels, label_one
from apps.widgets.one_sample import remember_row, show_ways, wanted_row
from apps.widgets.remembered import keep_inside
from apps.widgets.sample_card import sample_card
from apps.words.markdown import around, literal
from apps.words.numbers import WORDS
from workbench.selection import DROP, KEEP, read_marks

ORDERS = {
    "score": "score",
    "within like lengths": "score_within_length",
    "tokens": "n_tokens",
    "data": "row_index",
}
LABELS = ("n_steps", "level", "loss")
NUMBERS = ("row_index", "n_tokens", "score", "score_within_length", *LABELS)
COLUMNS = ("row_id", "source", *NUMBERS)
ROWS = 50
PREVIEW = 100


CHANGED = "marks-changed"


@st.fragment
def show_browser(
    run: FoundRun,
    table: ScoreTable,
    places: Int64[np.ndarray, " place"],
    texts: Texts | None,
    marks: Path | None,
) -> None:
    """Table on the left, the opened row on the right; both turn pages together.

    Without a file of `marks` nothing can be kept or dropped.
    """
    if st.session_state.pop(CHANGED, False):
        # Which rows pass the filter depends on the marks, and is found out outside.
        st.rerun()
    if not len(places):
        st.info("No row passes this filter.", icon=":material/filter_alt_off:")
        return
    left, middle, right = st.columns([3, 1, 1], vertical_alignment="bottom")
    shown = [name for name, column in ORDERS.items() if column in table.columns]
    order = left.segmented_control(
        "Order by",
        shown,
        default="score",
        required=True,
        key="sort",
        bind="query-params",
        help=WORDS["sort"],
    )
    is_rising = middle.toggle("Lowest first", key="rising", bind="query-params")
    column = ORDERS[order or "score"]
    _open_wanted(run, table, places, column, is_falling=not is_rising)
    keep_inside("open", 1, len(places))
    opened = right.number_input(
        f"Open (1 to {len(places):,})", 1, len(places), key="open", bind="query-params"
    )
    offset = (int(opened) - 1) // ROWS * ROWS
    found = table.page(places, order=column, descending=not is_rising, limit=ROWS, offset=offset)
    rows = table.rows(found, COLUMNS)
    kept, own = read_marks(marks) if marks else {}, known_labels(run)
    # The tick follows the opened row, however it was opened.
    st.session_state["rows"] = {"selection": {"rows": [int(opened) - 1 - offset]}}
    row = rows.iloc[int(opened) - 1 - offset].to_dict()
    remember_row(run, row["row_id"])
    _show_buttons(row["row_id"], marks, int(opened), len(places))
    left, right = st.columns([3, 2], gap="large")
    with left:
        _show_table(rows, texts, kept, own or {}, offset)
    with right:
        search = st.session_state.get("search") or ""
        sample_card(texts, row, mark=kept.get(row["row_id"]), found=search)
        show_ways(run, row["row_id"], here="samples")
        if own is not None:
            label_one(run, row["row_id"], own)


def _open_wanted(
    run: FoundRun,
    table: ScoreTable,
    places: Int64[np.ndarray, " place"],
    column: str,
    *,
    is_falling: bool,
) -> None:
    """A row that another page looked at, or a link names, wherever it stands in this order."""
    row_id = wanted_row("samples", run)
    if row_id is None:
        return
    ordered = table.page(places, order=column, descending=is_falling, limit=len(places))
    found = np.flatnonzero(np.isin(ordered, table.find("row_id", [row_id])))
    if len(found):
        st.session_state["open"] = int(found[0]) + 1
    else:
        st.caption(literal(f"The row “{row_id}” does not pass this filter, or has no score."))


def _show_table(
    rows: pd.DataFrame,
    texts: Texts | None,
    kept: dict[str, str],
    own: dict[str, Labelled],
    offset: int,
) -> None:
    frame = pd.DataFrame({"": range(offset + 1, offset + len(rows) + 1)})
    frame["hand"] = [kept.get(row_id, "") for row_id in rows["row_id"]]
    frame["score"] = rows["score"].map("{:.4g}".format)
    names = {"score_within_length": "within length", "n_tokens": "tokens"}
    for column, name in names.items():
        if column in rows:
            frame[name] = rows[column]
    if texts is not None:
        prompts = texts.prompts(rows["row_index"].tolist(), rows["row_id"].tolist())
        search = st.session_state.get("search") or ""
        frame["text"] = [around(prompt, search, PREVIEW) for prompt in prompts]
    if labelled := [own.get(row_id, Labelled()) for row_id in rows["row_id"]]:
        for column, values in (
            ("labels", [", ".join(of.labels) for of in labelled]),
            ("note", [of.note for of in labelled]),
        ):
            if any(values):
                frame[column] = values
    for name in LABELS:
        if name in rows and bool(rows[name].notna().any()):
            frame[name] = rows[name]
    if len(set(rows["source"])) > 1:
        frame["source"] = rows["source"]
    st.dataframe(
        frame,
        key="rows",
        hide_index=True,
        height=520,
        on_select=lambda: _take_row(offset),
        selection_mode=["single-row", "single-cell"],
        column_config={
            "within length": st.column_config.NumberColumn(
                format="percent", help=WORDS["within_length"]
            ),
            "hand": st.column_config.TextColumn(help=WORDS["marks"], width=50),
            "text": st.column_config.TextColumn(width=220),
        },
        alt="The rows that pass the filter, one page of them",
    )


def _take_row(offset: int) -> None:
    """A click anywhere in a row opens it."""
    chosen = st.session_state["rows"]["selection"]
    rows = [place for place, _ in chosen["cells"]] or chosen["rows"]
    if rows:
        st.session_state["open"] = offset + rows[0] + 1


def _show_buttons(row_id: str, marks: Path | None, opened: int, n_rows: int) -> None:
    """Four buttons, each with a key: keep, drop, back, on."""

    def decide(mark: str) -> None:
        if marks is None:
            return
        new = None if read_marks(marks).get(row_id) == mark else mark
        set_mark(marks, row_id, new)
        wanted = MARKS[st.session_state.get("mark") or ANY_MARK]
        st.session_state[CHANGED] = bool(wanted)
        # A row that leaves the filter makes room: the next one has its place then.
        if not wanted or new == wanted:
            _go(1, opened, n_rows)

    actions: list[dict[str, Any]] = [
        {"label": "Keep", "icon": ":material/check:", "shortcut": "K", "args": (KEEP,)},
        {"label": "Drop", "icon": ":material/close:", "shortcut": "D", "args": (DROP,)},
    ]
    with st.container(horizontal=True):
        for action in actions:
            st.button(on_click=decide, help=WORDS["marks"], disabled=marks is None, **action)
        for label, shortcut, step in (("Back", "B", -1), ("Next", "N", 1)):
            st.button(label, shortcut=shortcut, on_click=_go, args=(step, opened, n_rows))


def _go(step: int, opened: int, n_rows: int) -> None:
    st.session_state["open"] = min(max(1, opened + step), n_rows)
