"""Labels, notes and marks by hand: for all rows that pass the filter, for the opened one, and out.

own = known_labels(run)
label_all(run, table, places, marks)
label_one(run, row_id, own)
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import streamlit as st
from jaxtyping import Int64
from numpy import ndarray

from apps.reading.labels import (
    Labelled,
    label_rows,
    labels_in,
    labels_path,
    read_labels,
    set_labels,
    set_note,
)
from apps.reading.marks import set_marks
from apps.reading.runs import FoundRun
from apps.reading.scores import ScoreTable
from apps.reading.texts import Texts
from apps.words.markdown import literal
from apps.words.numbers import WORDS
from workbench.errors import InputError
from workbench.selection import DROP, KEEP, read_marks

LABEL = "label-for-all"
COLUMNS = ("row_id", "row_index", "source", "n_tokens", "score", "score_within_length")


def known_labels(run: FoundRun) -> dict[str, Labelled] | None:
    """The labels; None where the file is torn, which the page then says."""
    try:
        return read_labels(labels_path(run))
    except InputError as err:
        st.error(literal(f"Your own labels cannot be read: {err}"))
        return None


def label_all(
    run: FoundRun,
    table: ScoreTable,
    places: Int64[ndarray, " place"],
    texts: Texts | None,
    marks: Path | None,
) -> None:
    """What is done to every row that passes the filter, however many there are."""
    n_rows = f"{len(places):,}"
    with st.expander(f"All {n_rows} rows: label, keep, drop, download", icon=":material/label:"):
        label = st.text_input("Label", key=LABEL, help=WORDS["labels"])
        path, name = labels_path(run), (label or "").strip()

        def ids() -> list[str]:
            return table.rows(places, ["row_id"])["row_id"].tolist()

        with st.container(horizontal=True):
            st.button(
                f"Label all {n_rows}",
                disabled=not name,
                on_click=lambda: label_rows(path, ids(), name),
            )
            st.button(
                "Take the label from all",
                disabled=not name,
                on_click=lambda: label_rows(path, ids(), name, remove=True),
            )
            for word, mark in (("Keep all", KEEP), ("Drop all", DROP), ("Neither", None)):
                st.button(
                    word,
                    disabled=marks is None,
                    help=WORDS["marks_all"],
                    on_click=_marker(marks, ids, mark),
                )
            st.download_button(
                "Download with labels",
                data=lambda: rows_with_labels(run, table, places, texts, marks),
                file_name=f"{run.name}-rows.jsonl",
                icon=":material/download:",
                on_click="ignore",
            )


def _marker(
    marks: Path | None, ids: Callable[[], list[str]], mark: str | None
) -> Callable[[], None]:
    def mark_all() -> None:
        if marks is not None:
            set_marks(marks, ids(), mark)

    return mark_all


def label_one(run: FoundRun, row_id: str, own: dict[str, Labelled]) -> None:
    """The labels and the note of the opened row."""
    path, of = labels_path(run), own.get(row_id, Labelled())
    labels, note = f"labels-{row_id}", f"note-{row_id}"
    st.multiselect(
        "Own labels",
        sorted({*labels_in(own), *of.labels}),
        list(of.labels),
        key=labels,
        accept_new_options=True,
        help=WORDS["labels"],
        on_change=lambda: set_labels(path, row_id, st.session_state[labels]),
    )
    st.text_area(
        "Note",
        of.note,
        key=note,
        height=80,
        on_change=lambda: set_note(path, row_id, st.session_state[note] or ""),
    )


def rows_with_labels(
    run: FoundRun,
    table: ScoreTable,
    places: Int64[ndarray, " place"],
    texts: Texts | None,
    marks: Path | None,
) -> bytes:
    """JSON lines: the numbers of each row, what was said of it by hand, and its text."""
    own, by_hand = read_labels(labels_path(run)), read_marks(marks) if marks else {}
    lines = []
    for row in table.rows(places, COLUMNS).to_dict("records"):
        of = own.get(row["row_id"], Labelled())
        sample = texts.sample(int(row["row_index"]), row["row_id"]) if texts else None
        said = {"mark": by_hand.get(row["row_id"]), **of._asdict()}
        text = {"prompt": sample.prompt, "completion": sample.completion} if sample else {}
        lines.append(json.dumps({**row, **said, **text}, ensure_ascii=False, default=float))
    return "".join(f"{line}\n" for line in lines).encode()
