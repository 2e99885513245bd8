"""Select: the preview, a saved selection with its card, and its export."""

from __future__ import annotations

import json

import pandas as pd
import pytest
import yaml

from tests.apps.conftest import (
    button,
    charts,
    field,
    open_page,
    words,
)


def test_opening_the_page_writes_nothing_anywhere(copied):
    before = sorted(path for path in copied.parent.rglob("*") if ".cache" not in path.name)
    at = open_page("select")
    at.selectbox(key="format").select("parquet").run()
    after = [path for path in copied.parent.rglob("*") if ".cache" not in path.name]
    assert [p for p in sorted(after) if p not in before and "texts-" not in p.name] == []
    at.toggle(key="card").set_value(True).run()
    assert "pretty_name" in words(at)
    assert not list(copied.parent.rglob("provenance.json"))


def test_file_turns_licence_and_language_of_an_export_are_asked_for(copied):
    at = open_page("select")
    button(at, "Save this selection").click().run()
    at.selectbox(key="export_file_type").select("parquet").run()
    at.selectbox(key="export_turns").select("all").run()
    at.text_input(key="export_license").set_value("mit").run()
    at.text_input(key="export_language").set_value("en").run()
    button(at, "Write the folder").click().run()
    (record,) = (copied.parent / "exports").glob("*/provenance.json")
    assert json.loads(record.read_text())["turns"] == "all"
    assert record.with_name("data.parquet").is_file()
    front = yaml.safe_load(record.with_name("README.md").read_text().split("---")[1])
    assert (front["license"], front["language"]) == ("mit", ["en"])


def test_a_second_selection_saved_brings_its_own_name_and_card(copied):
    at = open_page("select")
    at.slider(key="percent").set_value(25).run()
    button(at, "Save this selection").click().run()
    first = field(at, "Name").value
    button(at, "Write the folder").click().run()
    at.slider(key="percent").set_value(50).run()
    button(at, "Save this selection").click().run()
    assert "fraction 0.5" in at.selectbox(key="saved_selection").value
    assert field(at, "Name").value != first
    button(at, "Write the folder").click().run()
    assert "exists already" not in words(at)
    assert len(list((copied.parent / "exports").iterdir())) == 2
    at.slider(key="percent").set_value(25).run()
    button(at, "Save this selection").click().run()
    assert field(at, "Name").value == first, "saved again: the same selection"


def test_the_export_says_whether_it_is_of_the_preview(copied):
    at = open_page("select")
    at.slider(key="percent").set_value(25).run()
    assert "exported, not the preview above" in words(at)
    button(at, "Save this selection").click().run()
    assert "it has the rows of the preview above" in words(at)
    at.slider(key="percent").set_value(50).run()
    assert "exported, not the preview above" in words(at)


def test_the_card_counts_rows_kept_and_dropped_by_hand(copied):
    at = open_page("samples")
    button(at, "Drop").click().run()
    button(at, "Keep").click().run()
    button(at, "Keep").click().run()
    at = open_page("select")
    button(at, "Save this selection").click().run()
    at.toggle(key="card").set_value(True).run()
    assert "| rows kept by hand | 2 |" in words(at)
    assert "| rows dropped by hand | 1 |" in words(at)


def test_the_preview_follows_the_options(finished):
    at = open_page("select")
    assert "Selected 1" in words(at)
    at.slider(key="percent").set_value(50)
    at.selectbox(key="policy").select("top").run()
    assert "Selected 6" in words(at)
    assert "In the top 100%" in words(at)


def test_the_preview_holds_a_selection_against_rows_at_random_and_of_its_lengths(finished):
    at = open_page("select")
    at.slider(key="percent").set_value(50)
    at.selectbox(key="policy").select("top").run()
    table = next(d.value for d in at.dataframe if "mean of" in d.value)
    assert table["mean of"].tolist() == ["tokens", "level"]
    scores = pd.read_parquet(next(finished.glob("score-*/scores.parquet")))
    top = scores.nlargest(6, "score")
    assert table["selected"][1] == pytest.approx(top["level"].mean(), rel=1e-3)
    assert table["all rows"][1] == pytest.approx(scores["level"].mean(), rel=1e-3)
    at.segmented_control(key="spread").select("level").run()
    names = [t["name"] for t in json.loads(charts(at)[0].proto.spec)["data"]]
    assert names == ["selected", "random", "same lengths"]


def test_a_preview_says_how_much_it_shares_with_a_saved_selection(finished):
    at = open_page("select")
    at.slider(key="percent").set_value(25)
    at.selectbox(key="policy").select("top").run()
    box = at.selectbox(key="second")
    box.select(box.options[1]).run()
    assert "Shared rows 100%" in words(at)


def test_an_impossible_selection_is_told_in_words(copied):
    path = next(copied.glob("score-*/scores.parquet"))
    frame = pd.read_parquet(path)
    frame["score"] -= 1e6
    frame.to_parquet(path)
    assert "scores are negative" in words(open_page("select"))


def test_a_selection_is_saved_shown_with_its_card_and_written(copied):
    at = open_page("select")
    at.slider(key="percent").set_value(25).run()
    button(at, "Save this selection").click().run()
    assert len(list(copied.glob("select-soft-*"))) == 1
    field(at, "Name").set_value("quarter").run()
    at.toggle(key="card").set_value(True).run()
    assert "# quarter" in words(at)
    assert len(at.get("download_button")) == 2
    folder = copied.parent / "exports" / "quarter"
    assert not folder.exists()
    button(at, "Write the folder").click().run()
    assert len((folder / "data.jsonl").read_text().splitlines()) == 3
    assert (folder / "provenance.json").is_file()
    button(at, "Write the folder").click().run()
    assert "exists already" in words(at)


@pytest.mark.parametrize("folder", ["../escape", "/etc/x", "a/b", "..", ""])
def test_an_export_cannot_leave_its_folder(copied, folder):
    at = open_page("select")
    field(at, "Name").set_value(folder).run()
    assert "cannot be exported" in words(at)
    assert not [b for b in at.button if b.label == "Write the folder"]
