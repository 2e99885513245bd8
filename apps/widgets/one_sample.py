"""One scored row, followed from page to page: by the address, and by what was looked at last.

asked = wanted_row("tokens", run)        # a row id where another page, or a link, names one
remember_row(run, row["row_id"])
show_ways(run, row["row_id"], here="tokens")
"""

from __future__ import annotations

from typing import NamedTuple

import streamlit as st

from apps.reading.files import load
from apps.reading.runs import FoundRun
from apps.reading.scores import ScoreTable
from apps.reading.texts import Texts
from apps.widgets.runs import workspace
from apps.widgets.texts import texts_of
from apps.words.markdown import literal
from apps.words.numbers import WORDS
from workbench.types import Sample

ADDRESS, SEEN, PAGE = "sample", "sample-seen", "sample-page"
MOST_FOUND, PREVIEW = 50, 60
ATTENTION = "score-circuitseer"


class Seen(NamedTuple):
    """A row that was looked at, and the name of the run that scored it."""

    run: str
    row_id: str


def wanted_row(page: str, run: FoundRun) -> str | None:
    """The row that a link names, or on coming from another page the one looked at there."""
    asked, seen = st.query_params.get(ADDRESS), st.session_state.get(SEEN)
    is_new = is_coming_to(page)
    if asked is not None and (seen is None or asked != seen.row_id):
        return asked
    return seen.row_id if is_new and seen is not None and seen.run == run.name else None


def is_coming_to(page: str) -> bool:
    """Whether the reader comes from another of the pages that follow a row."""
    is_coming = st.session_state.get(PAGE) != page
    st.session_state[PAGE] = page
    return is_coming


def remember_row(run: FoundRun, row_id: str) -> None:
    """This row is looked at now: it stands in the address, and other pages begin with it."""
    st.session_state[SEEN] = Seen(run.name, row_id)
    st.query_params[ADDRESS] = row_id


def open_wanted(page: str, run: FoundRun, table: ScoreTable, *, key: str, is_falling: bool) -> None:
    """Put the wanted row into the box `key`, which counts places in the ranking by score."""
    row_id = wanted_row(page, run)
    if row_id is None:
        return
    rank = table.rank_of(row_id, is_falling=is_falling)
    if rank is None:
        st.warning(literal(f"The row “{row_id}” has no score in this run."))
    else:
        st.session_state[key] = rank


def offer_find(table: ScoreTable, texts: Texts | None, *, key: str, is_falling: bool) -> None:
    """A box that finds rows by id or words, and one that opens a row of those found."""
    left, right = st.columns(2, vertical_alignment="bottom")
    text = left.text_input(
        "Find a row", key="find", placeholder="id or words", help=WORDS["find_row"]
    )
    if not text:
        return
    found = table.containing(text, texts)
    if not len(found):
        right.caption("No scored row has it.")
        return
    some = found[:MOST_FOUND]
    rows = table.rows(some, ("row_id", "row_index"))
    ids = rows["row_id"].tolist()
    begins = texts.prompts(rows["row_index"].tolist(), ids) if texts else [""] * len(ids)
    ranks = [table.rank_of(row_id, is_falling=is_falling) for row_id in ids]
    names = {
        rank: f"place {rank:,}: {begin[:PREVIEW] or row_id}"
        for rank, begin, row_id in sorted(zip(ranks, begins, ids, strict=True))
    }
    right.selectbox(
        f"{len(found):,} rows found",
        list(names),
        index=None,
        format_func=lambda rank: names.get(rank, str(rank)),
        placeholder="Open one",
        key="found",
        on_change=lambda: st.session_state.update({key: st.session_state["found"]}),
    )


def sample_in_view() -> tuple[FoundRun, Sample] | None:
    """The row that was looked at last, or that the address names, with its text."""
    seen = st.session_state.get(SEEN)
    title, asked = st.query_params.get("scores"), st.query_params.get(ADDRESS)
    for run in workspace().finished("score"):
        row_id = asked if asked and title == run.title else None
        if row_id is None and seen is not None and seen.run == run.name:
            row_id = seen.row_id
        if row_id is not None:
            return _with_text(run, row_id)
    return None


def _with_text(run: FoundRun, row_id: str) -> tuple[FoundRun, Sample] | None:
    table = load(ScoreTable.open, run.result)
    places = table.find("row_id", [row_id])
    texts = texts_of(run, table.n_rows)
    if not len(places) or texts is None:
        return None
    sample = texts.sample(int(table.numbers("row_index")[places[0]]), row_id)
    return (run, sample) if sample is not None else None


def show_ways(run: FoundRun, row_id: str, *, here: str) -> None:
    """Links that open this very row on the other pages."""
    heads = workspace().parent(run, "heads")
    row = {"scores": run.title, ADDRESS: row_id}
    circuit = {"circuit": heads.title} if heads else None
    ways = {
        "samples": ("In the table", ":material/list:", row),
        "tokens": ("Its tokens", ":material/segment:", row if run.stage == ATTENTION else None),
        "playground": (
            "Without some heads",
            ":material/science:",
            circuit and row | circuit | {"from": "the scored row"},
        ),
        "heads": (
            "A head on it",
            ":material/grid_on:",
            circuit and row | circuit | {"detail": "attention"},
        ),
    }
    with st.container(horizontal=True):
        for page, (label, icon, address) in ways.items():
            if page != here and address:
                st.page_link(f"views/{page}/page.py", label=label, icon=icon, query_params=address)
