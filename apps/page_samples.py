"""Samples & export: what do the scores prefer, and which smaller dataset follows from them?"""

from __future__ import annotations

import pandas as pd
import streamlit as st
from exporter import show_exporter
from samples import samples_of, scored_rows
from words import WORDS
from workspace import FoundRun, choose_run, load, read_json

from workbench.execute import read_scores
from workbench.figures import score_against_length, score_histogram
from workbench.scoring import spearman

N_SHOWN = 3
ORDERS = {"score": "score", "score within like lengths": "score_within_length"}


def show_numbers(frame: pd.DataFrame, n_rows: int, score_word: str) -> None:
    columns = st.columns(3)
    columns[0].metric("Rows scored", f"{len(frame):,}", help=WORDS["score"])
    columns[1].metric("Median score", f"{frame['score'].median():.4g}", help=WORDS[score_word])
    pull = spearman(frame["score"], frame["n_tokens"])
    shown = "–" if pull is None else f"{pull:+.2f}"
    columns[2].metric("Follows length", shown, help=WORDS["length_correlation"])
    if pull is not None and abs(pull) > 0.3:
        kind = "longer" if pull > 0 else "shorter"
        st.warning(
            f"Spearman correlation with length {pull:+.2f}: a high score also means a {kind} "
            "prompt. Adjust for length when you select."
        )
    if n_rows > len(frame):
        st.caption(f"{n_rows - len(frame)} rows have no score; the table below gives the reasons.")


def show_extremes(run: FoundRun, frame: pd.DataFrame) -> None:
    st.subheader("Highest and lowest")
    by = st.segmented_control(
        "Order by", list(ORDERS), default="score", required=True, help=WORDS["within_length"]
    )
    ordered = frame.sort_values(ORDERS[by or "score"], ascending=False, kind="stable")
    ends = {"Highest": ordered.head(N_SHOWN), "Lowest": ordered.tail(N_SHOWN).iloc[::-1]}
    texts = samples_of(run, tuple(row_id for end in ends.values() for row_id in end["row_id"]))
    for column, (name, rows) in zip(st.columns(2), ends.items(), strict=True):
        column.markdown(f"**{name}**")
        for _, row in rows.iterrows():
            with column.container(border=True):
                st.text(
                    f"score {row['score']:.4g} · {row['score_within_length']:.0%} within like "
                    f"lengths · {row['n_tokens']} tokens · row {row['row_index']}"
                )
                sample = texts.get(row["row_id"])
                st.code(sample.prompt if sample else "", language=None, wrap_lines=True)


def show_correlations(summary: dict) -> None:
    table = pd.DataFrame(summary["correlations"])
    numbers = [name for name in table.columns if name not in ("score", "n")]
    with st.expander("What the scores follow: Spearman correlations"):
        st.caption(
            "−1 to 1. `length`: tokens; the rest are labels of the data, “|length” with length "
            "held fixed. A good score follows difficulty and not length."
        )
        st.dataframe(
            table,
            hide_index=True,
            column_config={name: st.column_config.NumberColumn(format="%+.2f") for name in numbers},
        )


def show_unscored(everything: pd.DataFrame) -> None:
    rest = everything[everything["status"] != "ok"]
    if rest.empty:
        return
    with st.expander(f"{len(rest)} rows without a score"):
        counts = rest.groupby(["status", "reason"], as_index=False)["row_id"].count()
        st.dataframe(counts, column_config={"row_id": "rows"}, hide_index=True)


st.title("Samples & export")
run = choose_run("score", label="Scores", key="scores")
frame = scored_rows(run)
summary = load(read_json, run.folder / "summary.json")
name = summary["variant"] or summary["method"]
word = (summary["variant"] or "score").removesuffix("_no_sink")
st.caption(f"Scores by {name} over the {summary['part']} of each row. {WORDS[word]}")
if frame.empty:
    st.info("No row of this run has a score.")
    show_unscored(load(read_scores, run.result))
    st.stop()
left, right = st.columns([3, 2], gap="large")
with right:
    selected = show_exporter(run, frame)
with left:
    show_numbers(frame, len(load(read_scores, run.result)), word)
    st.plotly_chart(
        score_against_length(frame, name=name, selected=selected),
        alt="Score of every row against its number of tokens, selected rows marked",
    )
    st.plotly_chart(
        score_histogram(frame["score"].to_numpy(), name=name), alt="Histogram of the scores"
    )
show_extremes(run, frame)
show_correlations(summary)
show_unscored(load(read_scores, run.result))
