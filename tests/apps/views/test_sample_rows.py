"""Samples: filters, marks, and the row that is open."""

from __future__ import annotations

import json

import pandas as pd

from tests.apps.conftest import (
    HOSTILE,
    button,
    markdown_of,
    open_page,
    result,
    words,
)


def test_the_samples_page_says_how_far_the_score_follows_length(finished):
    summary = result(finished, "score-*/summary.json")
    excess = next(c for c in summary["correlations"] if c["score"] == "excess")
    shown = words(open_page("samples"))
    assert f"Follows length {excess['length']:+.2f}" in shown
    assert f"Follows level {excess['level']:+.2f}" in shown
    assert "Rows scored 12" in shown


def test_hostile_text_is_escaped_on_the_samples_page(finished):
    at = open_page("samples")
    at.text_input(key="search").set_value("alert").run()
    assert "3 of 12 rows" in words(at)
    assert HOSTILE not in markdown_of(at)
    assert "\\<script\\>alert" in markdown_of(at)


def test_a_range_of_scores_filters_the_table(finished):
    scores = pd.read_parquet(next(finished.glob("score-*/scores.parquet")))["score"]
    at = open_page("samples")
    middle = float(scores.median())
    at.slider(key="range").set_range(middle, float(scores.max())).run()
    n_above = int((scores >= at.slider(key="range").value[0]).sum())
    assert 0 < n_above < 12
    assert f"{n_above} of 12 rows" in words(at)


def test_filters_that_pass_nothing_say_so(finished):
    at = open_page("samples")
    at.text_input(key="search").set_value("no such words").run()
    assert "No row passes" in words(at)


def test_level_filters_the_table(finished):
    at = open_page("samples")
    at.multiselect(key="level").set_value(["2"]).run()
    assert "4 of 12 rows" in words(at)


def test_rows_kept_and_dropped_by_hand_are_remembered_with_the_run(copied):
    at = open_page("samples")
    first = opened_row(copied, 0)
    button(at, "Drop").click().run()
    assert at.number_input(key="open").value == 2
    button(at, "Keep").click().run()
    marks = json.loads((next(copied.glob("score-*")) / "marks.json").read_text())
    assert marks == {first: "drop", opened_row(copied, 1): "keep"}
    at = open_page("select")
    assert any("1 kept and 1 dropped" in toggle.label for toggle in at.toggle)


def opened_row(root, place: int) -> str:
    scores = pd.read_parquet(next(root.glob("score-*/scores.parquet")))
    return scores.sort_values("score", ascending=False, kind="stable")["row_id"].iloc[place]


def test_the_tick_of_the_table_follows_the_opened_row(copied):
    at = open_page("samples")
    assert ticked(at) == [0]
    button(at, "Next").click().run()
    assert ticked(at) == [1]
    button(at, "Drop").click().run()
    assert ticked(at) == [2]
    at.number_input(key="open").set_value(6).run()
    assert ticked(at) == [5]


def ticked(at) -> list[int]:
    return at.session_state["rows"]["selection"]["rows"]


def test_taking_back_a_mark_under_its_filter_leaves_out_no_row(copied):
    """The row leaves the list, so the next one is opened by staying where one is."""
    at = open_page("samples")
    for _ in range(3):
        button(at, "Keep").click().run()
    at.selectbox(key="mark").select("kept").run()
    at.number_input(key="open").set_value(1).run()
    button(at, "Keep").click().run()
    assert "2 of 12 rows" in words(at)
    assert at.number_input(key="open").value == 1
    assert opened_row(copied, 1)[1:] in words(at)
    marks = json.loads((next(copied.glob("score-*")) / "marks.json").read_text())
    assert set(marks) == {opened_row(copied, 1), opened_row(copied, 2)}


def test_one_button_lets_every_row_pass_again(finished):
    at = open_page("samples")
    assert not [b for b in at.button if b.label == "Reset the filters"]
    at.text_input(key="search").set_value("alert")
    at.multiselect(key="level").set_value(["2"])
    at.slider(key="range").set_range(*at.slider(key="range").value).run()
    assert "of 12 rows" in words(at)
    assert "12 of 12 rows" not in words(at)
    button(at, "Reset the filters").click().run()
    assert "12 of 12 rows" in words(at)
    assert at.text_input(key="search").value == ""
