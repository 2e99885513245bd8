"""Which scores a page shows, and which of their rows: method, run, and place in the ranking.

run = choose_scores()
place, row = choose_place(table)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from apps.reading.runs import FoundRun
from apps.reading.scores import ScoreTable
from apps.widgets.remembered import keep_inside
from apps.widgets.runs import choose_run, workspace
from apps.words.numbers import WORDS

ANY = "any method"
ORDERS = {"highest score": True, "lowest score": False}
COLUMNS = ("row_id", "row_index", "source", "n_tokens", "score", "score_within_length")


def choose_scores() -> FoundRun:
    """A run of scores; where there are several methods, one of them is chosen first."""
    methods = list(
        dict.fromkeys(run.stage.partition("-")[2] for run in workspace().finished("score"))
    )
    method = ANY
    if len(methods) > 1:
        with st.sidebar:
            method = st.selectbox(
                "Method",
                [ANY, *methods],
                key="score_method",
                bind="query-params",
                help=WORDS["method"],
            )
    only = "" if method in (None, ANY) else f"score-{method}"
    run = choose_run("score", label="Scores", key="scores", only=only)
    with st.sidebar:
        st.page_link(
            "views/run/page.py",
            label="Score by another method",
            icon=":material/add:",
            query_params={"stage": "score"},
        )
    return run


def choose_place(
    table: ScoreTable, columns: Sequence[str] = (), *, key: str = "place", order: str | None = None
) -> tuple[int, dict[str, Any]]:
    """A row by its place in the ranking by score: its place in the table, and its numbers."""
    n_rows = len(table.ok)
    keep_inside(key, 1, n_rows)
    left, right = st.columns([2, 1], vertical_alignment="bottom") if order is None else (st, st)
    if order is None:
        order = choose_order(left)
    default = min(2, n_rows) if key.endswith("_2") else 1
    place = right.number_input(
        f"Place (1 to {n_rows:,})",
        1,
        n_rows,
        default,
        key=key,
        bind="query-params",
        help=WORDS["place"],
    )
    found = table.page(
        table.ok, order="score", descending=ORDERS[order], limit=1, offset=int(place) - 1
    )
    row = table.rows(found, [*COLUMNS, *columns]).to_dict("records")[0]
    return int(found[0]), {str(name): value for name, value in row.items()}


def choose_order(where: Any = st) -> str:
    """Which end of the ranking is place 1."""
    return (
        where.segmented_control(
            "Begin with",
            list(ORDERS),
            default="highest score",
            required=True,
            key="order",
            bind="query-params",
        )
        or "highest score"
    )
