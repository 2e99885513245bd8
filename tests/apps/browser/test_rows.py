"""Rows in a browser: dragged ranges, clicks in the table, hostile text, and a download."""

from __future__ import annotations

import json
import re

import pandas as pd
import pytest

from tests.support.browsing import (
    box_of,
    choose,
    n_shown,
    settle,
    visit,
    wait_for_text,
    wait_for_value,
)
from workbench.selection import read_marks

pytestmark = pytest.mark.slow

ANSWER = "[data-testid=stMain] [data-testid=stCode]"


def test_a_range_dragged_in_the_histogram_changes_the_table(page, address, log):
    visit(page, f"{address}/samples")
    assert n_shown(page).startswith("12 of 12")
    area = box_of(page, "histogram-linear")
    y = area["y"] + area["height"] / 2
    page.mouse.move(area["x"] + area["width"] * 0.5, y)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] * 0.8, y, steps=5)
    page.mouse.move(area["x"] + area["width"] * 0.99, y, steps=5)
    page.mouse.up()
    page.get_by_role("heading", name=re.compile(r"^([0-9]|1[01]) of 12 rows")).wait_for()
    settle(page)
    assert "range=" in page.url
    assert "most recent call last" not in log.read_text(), "neither an error nor a stack"
    assert not n_shown(page).startswith("12 of 12")


def test_a_click_on_the_text_of_a_row_opens_it(page, address):
    visit(page, f"{address}/samples")
    table = page.locator(".st-key-rows canvas").first
    table.evaluate("e => e.scrollIntoView({block: 'center'})")
    page.wait_for_timeout(500)
    box = table.bounding_box()
    # Rows are 35 pixels high, below a head of the same height.
    page.mouse.click(box["x"] + box["width"] * 0.6, box["y"] + 35 * 4.5)
    wait_for_value(page.get_by_role("spinbutton", name="Open"), "4")
    page.keyboard.press("Escape")


def test_hostile_rows_show_as_text_and_run_nothing(page, address):
    dialogs = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    for search, shown in (
        ("alert", "<script>alert('x')</script>"),
        ("onerror", "<img src=x onerror=alert(1)>"),
        ("javascript", "[x](javascript:alert(1))"),
    ):
        visit(page, f"{address}/samples?search={search}")
        n_rows = 3 if search == "alert" else 1
        page.get_by_role("heading", name=f"{n_rows} of 12 rows").wait_for()
        text = page.locator("[data-testid=stMain]").inner_text()
        assert shown in text.replace("\u2060", "")
    for path in ("tokens?place=1", "select", "playground?from=type+one"):
        visit(page, f"{address}/{path}")
    assert dialogs == []
    assert page.locator("a[href^='javascript']").count() == 0
    assert page.locator("img[src='x'], [onerror]").count() == 0


def test_an_exported_subset_can_be_downloaded_and_read_back(page, address, tmp_path):
    visit(page, f"{address}/select?percent=50&policy=top&format=messages")
    page.get_by_role("button", name="Save this selection").click()
    page.get_by_text("Saved.", exact=True).wait_for()
    settle(page)
    button = page.get_by_role("button", name="Download data.jsonl")
    with page.expect_download() as download:
        button.click()
    path = tmp_path / "data.jsonl"
    download.value.save_as(path)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(rows) == 6
    assert all(row["messages"][0]["role"] == "user" for row in rows)
    scores = [row["_score"] for row in sorted(rows, key=lambda row: row["_rank"])]
    assert scores == sorted(scores, reverse=True)


def test_a_link_with_quotas_and_likeness_asks_for_them_and_is_drawn_by(page, address, root):
    folded = "quota_by=length_bin&quota_of=1&quota_of=10&quota_10=2&alike=0.9"
    visit(page, f"{address}/select?policy=top&budget=rows&n_rows=6&{folded}")
    wait_for_value(page.get_by_role("spinbutton", name="10 (1 rows): rows"), "2")
    wait_for_value(page.get_by_role("spinbutton", name="likeness"), "0.9")
    field = page.get_by_role("spinbutton", name="1 (1 rows): rows", exact=True)
    field.fill("3")
    field.press("Enter")
    settle(page)
    assert "quota_1=3" in page.url
    assert all(part in page.url for part in folded.split("&"))
    page.get_by_role("button", name="Save this selection").click()
    # Not the button of the export: it is there at once where anything was saved before.
    page.get_by_text("Saved.", exact=True).wait_for()
    found = [json.loads(path.read_text())["config"] for path in root.glob("select-top-*/man*.json")]
    (asked,) = [config for config in found if config.get("quota")]
    assert asked["quota"] == ["length_bin=1:3", "length_bin=10:2"]
    assert (asked["n"], asked["near_duplicates"]) == (6, 0.9)


def test_the_playground_opened_from_the_list_begins_with_the_row_looked_at_last(page, address):
    visit(page, f"{address}/samples?open=3")
    page.locator("[data-testid=stSidebarNav]").get_by_role("link", name="Playground").click()
    page.get_by_role("heading", name="Playground", exact=True).wait_for()
    settle(page)
    wait_for_value(page.get_by_role("combobox", name="Problem from"), "the scored row")


def test_what_a_row_loses_without_the_circuit_and_by_a_random_set(page, address):
    visit(page, f"{address}/samples?open=3")
    page.get_by_role("link", name="Without some heads").click()
    page.get_by_role("heading", name="Playground", exact=True).wait_for()
    page.get_by_text("Loss as it is", exact=True).wait_for()
    settle(page)
    before = page.get_by_test_id("stMetric").all_inner_texts()
    page.get_by_role("button", name="A random draw").click()
    settle(page)
    after = page.get_by_test_id("stMetric").all_inner_texts()
    assert after[0] == before[0], "the loss as it is"
    assert after != before


def test_an_answer_can_be_stopped_while_it_is_written(page, address):
    """With its own model, which is large enough for an answer to take a while."""
    visit(page, f"{address}/playground?n_new=256")
    choose(page, "Circuit or model", "math-tiny")
    n_sets = page.get_by_test_id("stMetric").count()
    page.get_by_role("button", name="Let the model answer").click()
    page.get_by_role("button", name="Stop").wait_for()
    page.locator(ANSWER).first.wait_for()
    page.evaluate(
        """() => { window.most = 0; window.watch = setInterval(() => { window.most = Math.max(
            window.most, document.querySelectorAll('.stMarkdownBadge').length) }, 10) }"""
    )
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Let the model answer").wait_for()
    settle(page)
    assert page.evaluate("() => window.most") < n_sets, "it was not decoded to its end"
    assert page.locator(ANSWER).count() == 0


def wait_for_tick(page, place: int) -> None:
    """Just that row is ticked in the table, as a screen reader is told it."""
    ticked = page.locator(".st-key-rows [role=row][aria-selected=true]")
    page.locator(f"[aria-selected=true] > #glide-cell-1-{place - 1}").wait_for(state="attached")
    assert ticked.count() == 1


def test_keys_go_on_and_act_on_the_row_that_is_ticked_and_shown(page, address, root):
    visit(page, f"{address}/samples?open=5")
    wait_for_tick(page, 5)
    opened = page.get_by_role("spinbutton", name="Open")
    for key, place in (("n", 6), ("k", 7), ("k", 8), ("k", 9), ("d", 10), ("b", 9)):
        page.keyboard.press(key)
        wait_for_value(opened, str(place))
        wait_for_tick(page, place)
    (scores,) = root.glob("score-*/scores.parquet")
    ranked = pd.read_parquet(scores).sort_values("score", ascending=False, kind="stable")
    *kept, dropped = ranked["row_id"].iloc[5:9]
    marks = scores.with_name("marks.json")
    assert read_marks(marks) == dict.fromkeys(kept, "keep") | {dropped: "drop"}
    # Among the kept ones a row that is taken back makes room for the next, which is opened.
    visit(page, f"{address}/samples?mark=kept&open=2")
    page.keyboard.press("k")
    page.get_by_role("heading", name="2 of 12 rows").wait_for()
    wait_for_text(page, f"sample={kept[2]}")
    wait_for_value(opened, "2")
    marks.unlink()
