"""Two saved selections: which rows do they share, and is one only shorter than the other?

compare_saved()
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from apps.reading.files import load
from apps.reading.runs import FoundRun
from apps.reading.scores import ScoreTable
from apps.views.compare.rows import show_rows
from apps.widgets.addressed import choose_addressed
from apps.widgets.runs import workspace
from apps.words.markdown import literal
from apps.words.numbers import WORDS
from workbench.errors import InputError
from workbench.selection import CONTENT, overlap_of, read_selection, shared_ids

COLUMNS = ("row_id", "row_index", "n_tokens", "score")


def compare_saved() -> None:
    """The overlap, the lengths, and the rows that are in one of the two only."""
    runs = {run.title: run for run in workspace().finished("select")}
    if len(runs) < 2:
        st.caption("There are no two saved selections yet: save them on Select & export.")
        return
    left, right = st.columns(2)
    with left:
        first = runs[choose_addressed("First", list(runs), key="selection")]
    with right:
        others = [title for title in runs if title != first.title]
        second = runs[choose_addressed("Second", others, key="selection_2")]
    scores, theirs = (workspace().parent(run, "score") for run in (first, second))
    if scores is None or theirs is None:
        which = "first" if scores is None else "second"
        st.info(f"The scores of the {which} selection are gone.", icon=":material/link_off:")
        return
    try:
        pool = _pool(scores, theirs)
    except InputError as err:
        st.info(literal(f"These cannot be compared: {err}"), icon=":material/link_off:")
        return
    ids = [_ids(run) for run in (first, second)]
    known = frozenset(pool["row_id"])
    if n_outside := sum(len(some - known) for some in ids):
        st.caption(f"{n_outside:,} selected rows are not in both pools, and left out.")
        ids = [some & known for some in ids]
    _show_numbers(ids, pool)
    in_first, in_second = (pool["row_id"].isin(list(some)).to_numpy() for some in ids)
    names = ["both", "first only", "second only"]
    sides = np.select([in_first & in_second, in_first, in_second], names, "neither")
    show_rows(scores, pool.assign(side=sides))


def _pool(scores: FoundRun, theirs: FoundRun) -> pd.DataFrame:
    """The rows scored by the first; where other files were scored by the second, those of both."""
    table = load(ScoreTable.open, scores.result)
    rows = table.rows(table.ok, COLUMNS)
    if scores.manifest["inputs"].get("data") == theirs.manifest["inputs"].get("data"):
        return rows
    tables = {run.title: load(ScoreTable.open, run.result) for run in (scores, theirs)}
    known = {
        title: one.rows(one.ok, ("row_id", "status", CONTENT)) for title, one in tables.items()
    }
    shared: pd.DataFrame = rows.loc[
        rows["row_id"].isin(shared_ids(known, same_files=False).tolist())
    ]
    return shared


def _ids(run: FoundRun) -> frozenset[str]:
    return load(_read_ids, run.result)


def _read_ids(path: Path) -> frozenset[str]:
    return frozenset(read_selection(path)["row_id"].tolist())


def _show_numbers(ids: list[frozenset[str]], pool: pd.DataFrame) -> None:
    there, back = overlap_of(ids[0], ids[1], pool), overlap_of(ids[1], ids[0], pool)
    columns = st.columns(4)
    columns[0].metric("Of the first, shared", f"{there.shared:.0%}", help=WORDS["shared_rows"])
    columns[0].caption(f"by chance {there.by_chance:.0%}")
    columns[1].metric("Of the second, shared", f"{back.shared:.0%}", help=WORDS["shared_rows"])
    columns[1].caption(f"by chance {back.by_chance:.0%}")
    for column, name, overlap in zip(columns[2:], ("first", "second"), (back, there), strict=True):
        text = "–" if np.isnan(overlap.mean_tokens) else f"{overlap.mean_tokens:.0f}"
        column.metric(f"Mean tokens, {name}", text, help=WORDS["n_tokens"])
    columns[3].caption(f"all scored rows {pool['n_tokens'].mean():.0f}")
