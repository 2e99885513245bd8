"""One row from page to page: opened by its id, found by words, its score told by token and head."""

from __future__ import annotations

import json
import re

import pandas as pd

from apps.widgets.one_sample import ADDRESS
from tests.apps.conftest import HOSTILE, open_page, words
from tests.support.manifests import write_manifest


def scores_of(root) -> pd.DataFrame:
    return pd.read_parquet(next(root.glob("score-*/scores.parquet"))).sort_values(
        "score", ascending=False, kind="stable"
    )


def test_a_row_opened_in_the_table_is_the_one_on_the_pages_after_it(finished):
    third = scores_of(finished)["row_id"].iloc[2]
    at = open_page("samples")
    at.number_input(key="open").set_value(3).run()
    assert at.query_params[ADDRESS] == third
    at.switch_page("views/tokens/page.py").run()
    assert at.number_input(key="place").value == 3
    at.number_input(key="place").set_value(5).run()
    at.switch_page("views/samples/page.py").run()
    assert at.number_input(key="open").value == 5
    assert not at.exception


def test_the_playground_begins_with_the_row_looked_at_last_and_keeps_what_is_chosen_there(finished):
    table = scores_of(finished)
    at = open_page("samples")
    at.number_input(key="open").set_value(3).run()
    at.switch_page("views/playground/page.py").run()
    assert at.selectbox(key="from").value == "the scored row"
    assert at.query_params[ADDRESS] == table["row_id"].iloc[2]
    at.selectbox(key="from").select_index(0).run()
    assert at.selectbox(key="from").value == "the circuit's probe"
    at.selectbox(key="from").select("type one").run()
    at.switch_page("views/heads/page.py").run()
    at.switch_page("views/playground/page.py").run()
    assert at.selectbox(key="from").value == "type one", "Heads follows no row"
    at.switch_page("views/tokens/page.py").run()
    at.number_input(key="place").set_value(5).run()
    at.switch_page("views/playground/page.py").run()
    assert at.selectbox(key="from").value == "the scored row"
    assert at.query_params[ADDRESS] == table["row_id"].iloc[4]
    assert not at.exception


def test_an_address_opens_a_row_by_its_id_on_every_page(finished):
    row = scores_of(finished).iloc[6]
    title = open_page("samples").selectbox(key="scores").value
    for page, key in (("tokens", "place"), ("samples", "open")):
        at = open_page(page)
        at.query_params[ADDRESS] = row["row_id"]
        at.run()
        assert at.number_input(key=key).value == 7
    at = open_page("playground")
    at.query_params.update({ADDRESS: row["row_id"], "scores": title, "from": "the scored row"})
    at.run()
    at.selectbox(key="from").select("the scored row").run()
    assert row["row_id"][1:] in words(at)
    assert "Loss as it is" in words(at)
    at = open_page("heads")
    at.query_params.update({ADDRESS: row["row_id"], "scores": title})
    at.segmented_control(key="detail").select("attention").run()
    assert at.segmented_control(key="pattern_of").value == "the scored row"
    assert not at.exception


def test_a_row_is_found_by_words_and_by_its_id(finished):
    table = scores_of(finished).reset_index(drop=True)
    at = open_page("tokens")
    at.text_input(key="find").set_value(HOSTILE).run()
    place = int(table.index[table["row_id"] == "r11"][0]) + 1
    assert at.selectbox(key="found").options == [f"place {place}: {HOSTILE} 1+1?"]
    at.selectbox(key="found").select_index(0).run()
    assert at.number_input(key="place").value == place
    at.text_input(key="find").set_value(table["row_id"][0]).run()
    assert at.selectbox(key="found").options[0].startswith("place 1:")
    at.text_input(key="find").set_value("nowhere to be found").run()
    assert "No scored row has it." in words(at)


def test_the_score_is_told_by_token_and_by_head_in_words(finished):
    shown = words(open_page("tokens"))
    assert re.search(r"\d+% of this score is one token: (the first|number \d+)", shown)
    (by_head,) = re.findall(r"By head: (.*)\.", shown)
    shares = [int(share) for share in re.findall(r"L\dH\d (-?\d+)%", by_head)]
    assert len(shares) == 2
    assert abs(sum(shares) - 100) <= 1


def test_what_is_not_the_score_of_the_run_is_not_told_as_it(finished):
    at = open_page("tokens")
    at.toggle(key="no_sink").set_value(True).run()
    assert "of this score" not in words(at)
    at.toggle(key="no_sink").set_value(False).run()
    assert "of this score" in words(at)
    at.selectbox(key="whose").select(at.selectbox(key="whose").options[1]).run()
    assert "of this score" not in words(at)


def test_the_sink_is_left_out_where_the_run_leaves_it_out(copied):
    path = next(copied.glob("score-*/manifest.json"))
    manifest = json.loads(path.read_text())
    manifest["config"]["drop_sink"] = True
    write_manifest(path, manifest)
    at = open_page("tokens")
    assert at.toggle(key="no_sink").value
    assert "of this score" in words(at)
