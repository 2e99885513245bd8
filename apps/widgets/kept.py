"""The samples whose attention was kept with a run, where its model is not on this machine.

kept = kept_of(run)                      # {} where the model is here, or nothing was kept
begin_with_kept(kept, table, key="place", is_falling=True)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import streamlit as st

from apps.reading.files import load
from apps.reading.kept_samples import KeptSample, read_kept
from apps.reading.runs import FoundRun
from apps.reading.scores import ScoreTable
from apps.reading.workspace import KEPT, is_here
from apps.widgets.runs import workspace


def kept_of_model(model: str) -> Mapping[str, KeptSample]:
    """The same of all runs of scores by `model`: a row has every head that was kept of it."""
    found: dict[str, KeptSample] = {}
    for run in workspace().finished("score"):
        for row_id, sample in kept_of(run).items() if run.model == model else ():
            before = found.get(row_id, sample)
            found[row_id] = replace(sample, by_head={**before.by_head, **sample.by_head})
    return found


def kept_of(run: FoundRun) -> Mapping[str, KeptSample]:
    """By row id; empty where everything can be recomputed."""
    if is_here(run.model) or not (run.folder / KEPT).is_file():
        return {}
    return load(read_kept, run.folder / KEPT)


def begin_with_kept(
    kept: Mapping[str, KeptSample], table: ScoreTable, *, key: str, is_falling: bool
) -> None:
    """A page that names no row opens on one that can be shown; a box has the others."""
    ranks = {
        rank: row_id
        for row_id in kept
        if (rank := table.rank_of(row_id, is_falling=is_falling)) is not None
    }
    if not ranks:
        return
    if key not in st.session_state and key not in st.query_params:
        st.session_state[key] = next(iter(ranks))
    st.selectbox(
        f"The model is not on this machine: {len(ranks)} rows were kept with their attention",
        sorted(ranks),
        index=None,
        format_func=lambda rank: f"place {rank:,}: {ranks.get(rank, '')}",
        placeholder="Open one",
        key="kept_place",
        on_change=lambda: st.session_state.update({key: st.session_state["kept_place"]}),
    )


def how_to_see_more(run: FoundRun) -> None:
    """What fetches the model, by which every row and head can be looked at."""
    st.caption("Every other row and head can be seen with the model on this machine:")
    st.code(f"workbench models get {run.model}", language="bash")
