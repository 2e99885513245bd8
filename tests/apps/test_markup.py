"""No word of an address is markdown: a link could else bring pictures and links of its own."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from tests.apps.conftest import markdown_of


def asks_for_a_run():
    import streamlit as st

    from apps.widgets.addressed import choose_addressed

    st.query_params["scores"] = "![x](http://x.it/x)"
    choose_addressed("Scores", ["gsm8k"], key="scores")


def asks_for_a_row():
    from pathlib import Path
    from types import SimpleNamespace

    import streamlit as st

    from apps.reading.scores import ScoreTable
    from apps.widgets.one_sample import open_wanted
    from workbench.bundled import bundled_dir

    st.query_params["sample"] = "![x](http://x.it/x)"
    scores: Path = next((bundled_dir("data") / "demo_runs").glob("score-*/scores.parquet"))
    table, run = ScoreTable.open(scores), SimpleNamespace(name="score")
    open_wanted("tokens", run, table, key="place", is_falling=True)  # type: ignore[arg-type]


def test_a_run_that_an_address_names_is_shown_letter_by_letter():
    shown = markdown_of(AppTest.from_function(asks_for_a_run).run())
    assert r"\!\[x\]" in shown


def test_a_row_that_an_address_names_is_shown_letter_by_letter():
    shown = markdown_of(AppTest.from_function(asks_for_a_row).run())
    assert r"\!\[x\]" in shown
