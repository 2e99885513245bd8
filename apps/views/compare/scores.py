"""Two runs of scores over the same rows: do they agree, and which rows change side?

compare_runs()
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from apps.reading.files import load
from apps.reading.runs import FoundRun
from apps.reading.scores import ScoreTable
from apps.views.compare.rows import show_rows
from apps.widgets.addressed import choose_addressed
from apps.widgets.chart import chart
from apps.widgets.runs import workspace
from apps.words.markdown import literal
from apps.words.numbers import WORDS
from workbench.errors import InputError
from workbench.figures import rank_scatter
from workbench.scoring import ComparedScores, compare_scores
from workbench.selection import CONTENT

COLUMNS = ("row_id", "row_index", "n_tokens", "score")
MOST_POINTS = 3_000


def compare_runs() -> None:
    every = workspace().finished("score")
    # Those that there is something to compare with stand first.
    data = [run.data for run in every]
    every.sort(key=lambda run: data.count(run.data) < 2)
    runs = {run.title: run for run in every}
    if len(runs) < 2:
        st.caption("There is one run of scores only: score the rows again, by another method.")
        return
    left, middle, right = st.columns([2, 2, 1])
    with left:
        first = runs[choose_addressed("First", list(runs), key="scores")]
    with middle:
        others = [title for title in runs if title != first.title]
        second = runs[
            choose_addressed("Second", _same_data_first(first, others, runs), key="beside")
        ]
    share = right.slider(
        "Top, %", 1, 50, 10, key="top", bind="query-params", help=WORDS["top_share"]
    )
    try:
        frames = [
            _frame(run, same_files=_data_of(first) == _data_of(second)) for run in (first, second)
        ]
        compared = compare_scores(*frames, fraction=share / 100)
    except InputError as err:
        st.info(literal(f"These cannot be compared: {err}"), icon=":material/link_off:")
        return
    _show_numbers(compared)
    left, right = st.columns([2, 3], gap="large")
    with left:
        _show_ranks(compared)
    with right:
        show_rows(first, compared.rows)


def _same_data_first(first: FoundRun, titles: list[str], runs: dict[str, FoundRun]) -> list[str]:
    return sorted(titles, key=lambda title: runs[title].data != first.data)


def _data_of(run: FoundRun) -> Any:
    """The files that were scored, by their content."""
    return run.manifest["inputs"].get("data")


def _frame(run: FoundRun, *, same_files: bool) -> pd.DataFrame:
    """The scored rows; of other files also what tells that a row of the same id is the same."""
    table = load(ScoreTable.open, run.result)
    return table.rows(table.ok, COLUMNS if same_files else (*COLUMNS, CONTENT))


def _show_numbers(compared: ComparedScores) -> None:
    rows = compared.rows
    columns = st.columns(5)
    correlation = compared.rank_correlation
    text = "–" if correlation is None else f"{correlation:+.2f}"
    columns[0].metric("Rows in both", f"{len(rows):,}", help=WORDS["rows_in_both"])
    columns[1].metric("Rank correlation", text, help=WORDS["scores_correlation"])
    columns[2].metric("Tops in common", f"{compared.overlap:.0%}", help=WORDS["tops_shared"])
    columns[2].caption(f"by chance {compared.by_chance:.0%}")
    for column, name in zip(columns[3:], ("first", "second"), strict=True):
        top: pd.DataFrame = rows.loc[rows["side"].isin(["both", f"{name} only"])]
        mean = float(np.mean(top["n_tokens"].to_numpy()))
        column.metric(f"Tokens, {name}", f"{mean:.0f}", help=WORDS["top_tokens"])
    columns[4].caption(f"all rows {rows['n_tokens'].mean():.0f}")


def _show_ranks(compared: ComparedScores) -> None:
    rows = compared.rows
    step = max(1, -(-len(rows) // MOST_POINTS))
    some = rows.iloc[::step]
    if step > 1:
        st.caption(f"{len(some):,} of {len(rows):,} rows, evenly spread, are drawn.")
    figure = rank_scatter(
        some["first"].to_numpy(),
        some["second"].to_numpy(),
        x="percentile in the first (1 is the highest)",
        y="percentile in the second",
        sides=some["side"].tolist(),
        names=[f"row {index}" for index in some["row_index"]],
    )
    chart(figure, key="score-ranks", alt="Percentile of every row in both runs of scores")
