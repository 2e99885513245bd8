"""Samples as a place to curate: axes, labels and notes, marks for many rows, highlighted words."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from apps.reading import labels
from apps.reading.labels import Labelled
from apps.reading.scores import ScoreTable
from apps.reading.workspace import open_workspace
from apps.views.samples import labelling
from apps.words.markdown import around, as_markdown
from tests.apps.conftest import charts, markdown_of, open_page, words
from workbench.errors import InputError
from workbench.figures import axes_for, axis_of

SCORES = np.array([0.0, 0.001, 0.01, 0.1, 0.1, 1.0])


@pytest.mark.parametrize("name", axes_for(SCORES))
def test_an_axis_goes_there_and_back(name):
    axis = axis_of(SCORES, name)
    places = axis.to(SCORES)
    assert np.all(np.diff(places) >= 0)
    assert axis.back(places)[1:] == pytest.approx(SCORES[1:])
    assert len(axis.ticks) == len(axis.labels)


def test_only_scores_without_a_sign_have_a_logarithm():
    assert "log" not in axes_for(SCORES - 0.5)
    assert axis_of(SCORES, "log").labels == ("0.001", "0.01", "0.1", "1")
    assert axis_of(SCORES, "percentile").to(np.array([0.1])) == pytest.approx([70.0])


@pytest.mark.parametrize("name", ["log", "percentile"])
def test_the_histogram_can_be_drawn_along_another_axis(finished, name):
    at = open_page("samples")
    scores = pd.read_parquet(next(finished.glob("score-*/scores.parquet")))["score"]
    at.segmented_control(key="axis").select(name).run()
    spec = json.loads(charts(at)[0].proto.spec)
    assert spec["layout"]["xaxis"]["ticktext"]
    lines = [a["text"] for a in spec["layout"]["annotations"]]
    assert lines[1] == f"median {scores.median():.3g}"
    assert [text.split(" %")[0] for text in (lines[0], lines[2])] == ["10", "90"]


def button(at, label: str):
    return next(b for b in at.button if b.label == label)


def test_all_rows_that_pass_are_labelled_kept_and_found_again(copied):
    at = open_page("samples")
    at.text_input(key="search").set_value("one more one more").run()
    n_found = next(s.value for s in at.subheader if " rows" in s.value).split()[0]
    at.text_input(key="label-for-all").set_value("long").run()
    button(at, f"Label all {n_found}").click().run()
    button(at, "Keep all").click().run()
    content = json.loads(next(copied.glob("score-*/labels.json")).read_text())
    assert len(content) == int(n_found) > 1
    assert {tuple(of["labels"]) for of in content.values()} == {("long",)}
    marks = json.loads(next(copied.glob("score-*/marks.json")).read_text())
    assert marks == dict.fromkeys(content, "keep")
    at.text_input(key="search").set_value("").run()
    at.multiselect(key="own").set_value(["long"]).run()
    assert f"{n_found} of 12 rows" in words(at)
    button(at, "Take the label from all").click().run()
    button(at, "Neither").click().run()
    assert json.loads(next(copied.glob("score-*/labels.json")).read_text()) == {}
    assert not at.exception


def test_a_row_has_labels_and_a_note_of_its_own_which_are_downloaded(copied):
    at = open_page("samples")
    row_id = at.query_params["sample"]
    at.text_area(key=f"note-{row_id}").set_value("the answer is wrong ").run()
    path = next(copied.glob("score-*")) / "labels.json"
    labels.set_labels(path, row_id, ["odd"])
    assert labels.read_labels(path) == {row_id: Labelled(("odd",), "the answer is wrong")}
    at = open_page("samples")
    shown = next(d.value for d in at.dataframe if "note" in d.value)
    assert (shown["labels"][0], shown["note"][0]) == ("odd", "the answer is wrong")
    assert "Download with labels" in [b.proto.label for b in at.get("download_button")]
    run = open_workspace().finished("score")[0]
    table = ScoreTable.open(run.result)
    lines = labelling.rows_with_labels(run, table, table.ok, None, None).decode().splitlines()
    (row,) = [row for row in map(json.loads, lines) if row["labels"]]
    assert (row["row_id"], row["note"], row["mark"]) == (row_id, "the answer is wrong", None)
    assert len(lines) == table.n_rows


def test_labels_of_another_kind_are_refused_in_words(tmp_path):
    (tmp_path / "labels.json").write_text('{"a": ["x"]}')
    with pytest.raises(InputError, match="holds no labels"):
        labels.read_labels(tmp_path / "labels.json")


def test_words_that_were_searched_stand_out(finished):
    at = open_page("samples")
    at.text_input(key="search").set_value("ONE MORE").run()
    assert ":orange-background[one more]" in markdown_of(at)


def test_what_stands_out_is_still_escaped():
    text = as_markdown("a <b> and $x<b>$ and [b](c)", found="<B>")
    assert text.count(":orange-background[\\<b\\>]") == 1
    assert "$x<b>$" in text
    assert "\\[b\\]\\(c\\)" in text
    assert around("0123456789" * 5 + "needle" + "x" * 50, "NEEDLE", 12) == "… 6789needlexx"
