"""Each page with results: the words and numbers a reader sees, and what a change of input does."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from tests.apps.conftest import HOSTILE, open_page, words

PAGES = ("overview", "heads", "tokens", "samples", "validate")


def result(root, pattern: str) -> dict:
    return json.loads(next(root.glob(pattern)).read_text())


def test_the_overview_shows_the_five_stages_as_done(finished):
    at = open_page()
    labels = [metric.label for metric in at.metric]
    assert labels == ["1 Model", "2 Circuit", "3 Validation", "4 Scores", "5 Selection"]
    assert at.metric[1].value == "2 / 12"
    assert "The chain is complete" in words(at)
    assert len(at.dataframe[0].value) == len(list(finished.iterdir()))


def test_the_heads_page_begins_with_the_costliest_head(finished):
    heads = result(finished, "heads-*/heads.json")
    first = next(h for h in heads["heads"] if h["rank"] == 1)
    at = open_page("heads")
    assert at.selectbox(key="head").value == f"L{first['layer']} H{first['head']}"
    assert f"Loss increase {first['delta']:.4f}" in words(at)


def test_choosing_a_head_by_keyboard_shows_its_numbers(finished):
    heads = result(finished, "heads-*/heads.json")
    last = next(h for h in heads["heads"] if h["rank"] == 12)
    at = open_page("heads")
    at.selectbox(key="head").select(f"L{last['layer']} H{last['head']}").run()
    assert "Rank 12 / 12" in words(at)
    assert f"Loss increase {last['delta']:.4f}" in words(at)


def test_the_probe_samples_are_told_with_their_own_loss_increase(finished):
    table = pd.read_parquet(next(finished.glob("heads-*/deltas.parquet")))
    heads = result(finished, "heads-*/heads.json")
    first = next(h for h in heads["heads"] if h["rank"] == 1)
    place = first["layer"] * 4 + first["head"]
    expected = sorted((row[place] for row in table["deltas"]), reverse=True)
    shown = open_page("heads").dataframe[0].value
    assert shown["loss increase"].tolist() == pytest.approx(expected)
    assert shown["sample"].str.len().min() > 0


def test_the_tokens_page_recomputes_the_score_of_the_table(finished):
    scores = pd.read_parquet(next(finished.glob("score-*/scores.parquet")))
    top = scores.sort_values("score", ascending=False).iloc[0]
    at = open_page("tokens")
    assert f"Score {top['score']:.4g}" in words(at)
    assert f"Paper's score here {top['paper']:.3g}" in words(at)
    assert f"the scores table has {top['paper']:.3g}" in words(at)


def test_leaving_out_the_sink_gives_the_score_without_it(finished):
    scores = pd.read_parquet(next(finished.glob("score-*/scores.parquet")))
    top = scores.sort_values("score", ascending=False).iloc[0]
    at = open_page("tokens")
    at.toggle(key="no_sink").set_value(True).run()
    assert f"Paper's score here {top['paper_no_sink']:.3g}" in words(at)


def test_markup_in_a_sample_reaches_the_page_as_text_only(finished):
    scores = pd.read_parquet(next(finished.glob("score-*/scores.parquet")))
    ordered = scores.sort_values("score", ascending=False, kind="stable")["row_id"].tolist()
    at = open_page("tokens")
    at.number_input(key="place").set_value(ordered.index("r11") + 1).run()
    (strip,) = at.get("html")
    assert "<script" not in strip.proto.body
    assert "&lt;" in strip.proto.body
    assert not at.exception


def test_the_samples_page_says_how_far_the_score_follows_length(finished):
    summary = result(finished, "score-*/summary.json")
    length = next(c["length"] for c in summary["correlations"] if c["score"] == "excess")
    at = open_page("samples")
    assert f"Follows length {length:+.2f}" in words(at)
    assert "Rows scored 12" in words(at)


def test_the_samples_page_shows_the_highest_and_the_lowest_sample(finished):
    scores = pd.read_parquet(next(finished.glob("score-*/scores.parquet")))
    ordered = scores.sort_values("score", ascending=False)["row_id"]
    prompts = {f"r{i}": f"{'one more ' * (i % 4)}{i}+{i}?" for i in range(11)}
    prompts["r11"] = f"{HOSTILE} 1+1?"
    shown = words(open_page("samples"))
    assert prompts[ordered.iloc[0]] in shown
    assert prompts[ordered.iloc[-1]] in shown


def test_the_preview_follows_the_options(finished):
    at = open_page("samples")
    assert "Selected 1" in words(at)
    at.slider(key="percent").set_value(50)
    at.selectbox(key="policy").select("top").run()
    assert "Selected 6" in words(at)
    assert "In top 100%" in words(at)


def test_an_impossible_selection_is_told_in_words(copied):
    path = next(copied.glob("score-*/scores.parquet"))
    frame = pd.read_parquet(path)
    frame["score"] -= 1e6
    frame.to_parquet(path)
    at = open_page("samples")
    assert "scores are negative" in words(at)


def test_the_export_button_writes_what_the_preview_shows(copied):
    at = open_page("samples")
    at.slider(key="percent").set_value(25)
    at.text_input(key="folder").set_value("quarter").run()
    at.button[0].click().run()
    assert "3 rows written" in words(at)
    folder = copied.parent / "exports" / "quarter"
    assert len((folder / "data.jsonl").read_text().splitlines()) == 3
    assert (folder / "provenance.json").is_file()
    assert len(at.get("download_button")) == 1


@pytest.mark.parametrize("name", ["../escape", "/etc/x", "a/b", "..", ""])
def test_an_export_cannot_leave_its_folder(copied, name):
    at = open_page("samples")
    at.text_input(key="folder").set_value(name).run()
    assert "letters, digits" in words(at)
    assert not at.button


def test_the_validation_page_says_the_verdict_and_its_numbers(finished):
    report = result(finished, "validate-*/validation.json")
    shown = words(open_page("validate"))
    assert report["verdict"] in shown
    assert f"p by loss {report['p_loss']:.3f}" in shown
    assert "against 5 random sets" in shown


@pytest.mark.parametrize("page", PAGES)
def test_every_number_explains_itself(finished, page):
    at = open_page("" if page == "overview" else page)
    unexplained = [m.label for m in at.metric if not m.help and m.label != "1 Model"]
    assert at.metric
    assert unexplained == []
