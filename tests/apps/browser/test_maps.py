"""Clicks on the map of heads, on a small model's and on one of 28 x 28."""

from __future__ import annotations

import json

import pytest

from tests.support.browsing import (
    PLACE,
    box_of,
    choose,
    click_head,
    page_option,
    settle,
    visit,
    wait_for_text,
)

pytestmark = pytest.mark.slow


def test_a_click_on_the_map_opens_that_head(page, address, chain):
    visit(page, f"{address}/heads")
    heads = json.loads(next(chain.glob("heads-*/heads.json")).read_text())
    layer, head = heads["model"]["n_layers"] - 1, heads["model"]["n_heads"] - 1
    click_head(page, layer, head)
    page.get_by_text(f"L{layer}H{head} by sample").wait_for()
    rank = next(h["rank"] for h in heads["heads"] if (h["layer"], h["head"]) == (layer, head))
    page.get_by_text(f"{rank} / {len(heads['heads'])}").wait_for()
    assert f"head=L{layer}H{head}" in page.url


def large_map(page, address) -> dict:
    visit(page, f"{address}/heads")
    choose(page, "Circuit", page_option(page, "28282828"))
    return box_of(page, "map")


def test_on_a_large_map_a_click_opens_the_head_it_is_on(page, address):
    area = large_map(page, address)
    assert area["height"] < 600, "one screen high"
    # The first in rank is open already, and the address does not name it.
    for layer, head in ((0, 1), (5, 13), (13, 14), (27, 27), (8, 20)):
        click_head(page, layer, head)
        wait_for_text(page, f"head=L{layer}H{head}")


def test_what_a_click_opens_stands_beside_it_without_scrolling(page, address):
    large_map(page, address)
    for width, height, layer, head in ((1280, 800, 1, 2), (1500, 900, 27, 20)):
        page.set_viewport_size({"width": width, "height": height})
        click_head(page, layer, head)
        wait_for_text(page, f"head=L{layer}H{head}")
        settle(page)
        for label in ("Loss increase", "Rank", "Stability"):
            box = page.get_by_test_id("stMetric").filter(has_text=label).first.bounding_box()
            assert box["x"] + box["width"] <= width
            assert box["y"] >= 0, label
            assert box["y"] + box["height"] <= height, label


def test_a_double_click_leaves_the_map_as_it_is(page, address):
    large_map(page, address)
    reach = "() => document.querySelector('.st-key-map .js-plotly-plot')._fullLayout.xaxis.range"
    before = page.evaluate(reach)
    page.mouse.dblclick(*page.evaluate(PLACE, [10, 10]))
    settle(page)
    assert page.evaluate(reach) == before
    assert page.locator(".st-key-map .modebar-btn").count() == 0


def test_heads_clicked_on_the_map_become_a_circuit_of_ones_own(page, address, root):
    large_map(page, address)
    page.get_by_text("Make a circuit of your own", exact=True).click()
    page.get_by_text("A click on the map adds a head").click()
    settle(page)
    for layer, head in ((3, 4), (20, 27)):
        click_head(page, layer, head)
        settle(page)
    page.get_by_role("button", name="Save as a circuit").click()
    page.get_by_text("Chosen by hand from heads-exact-28282828").wait_for()
    found = json.loads(next(root.glob("heads-chosen-*/heads.json")).read_text())
    chosen = [(h["layer"], h["head"]) for h in found["heads"] if h["selected"]]
    assert sorted(chosen) == [(3, 4), (20, 27)]
    assert "circuit=" in page.url
