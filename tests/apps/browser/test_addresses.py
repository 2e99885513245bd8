"""The address of a page holds what is chosen on it; a job is seen from wherever it is asked for."""

from __future__ import annotations

import contextlib
from urllib.parse import quote_plus

import pytest

from tests.apps.conftest import PAGES
from tests.support.browsing import (
    PATIENCE,
    choose,
    fill,
    n_shown,
    settle,
    visit,
    visit_running,
    wait_for_value,
)

pytestmark = pytest.mark.slow


def test_nothing_is_asked_of_another_machine_and_no_chart_has_a_toolbar(page, address):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    for path in PAGES:
        visit(page, f"{address}/{path}")
        assert page.locator(".modebar-btn").count() == 0, f"toolbars over titles on {path}"
    own = (address, address.replace("http", "ws", 1), "data:", "blob:")
    assert [url for url in asked if not url.startswith(own)] == []
    assert asked


def test_what_a_page_is_for_begins_below_one_line_of_title(page, address):
    for path in ("heads", "samples", "validate", "select"):
        visit(page, f"{address}/{path}")
        title = page.locator("h1").bounding_box()
        guide = page.get_by_text("How to read this page").bounding_box()
        assert title["y"] + title["height"] < 180, path
        assert guide["y"] + guide["height"] < 180, "beside the title, not below"


def test_the_address_names_the_run_that_is_shown(page, address):
    visit(page, f"{address}/samples")
    assert "scores=rows.jsonl" in page.url


def own_circuit(page, address) -> str:
    """The circuit of the chain, which has the model on this machine; other tests add newer ones."""
    visit(page, f"{address}/heads")
    page.get_by_role("combobox", name="Circuit").click()
    names = page.get_by_role("option").all_inner_texts()
    page.keyboard.press("Escape")
    return next(name for name in names if "exact" in name and "28282828" not in name)


def test_a_budget_and_a_typed_problem_are_in_the_address(page, address):
    visit(page, f"{address}/select?budget=tokens")
    field = page.get_by_role("spinbutton", name="Tokens", exact=True)
    # A field that is drawn anew while one types forgets what was typed.
    for _ in range(5):
        field.fill("20")
        field.press("Enter")
        settle(page)
        if "n_tokens=20" in page.url:
            break
    assert "n_tokens=20" in page.url
    circuit = quote_plus(own_circuit(page, address))
    visit(page, f"{address}/playground?circuit={circuit}&from=type+one&typed=Two+pens%3F")
    wait_for_value(page.get_by_role("textbox", name="Problem", exact=True), "Two pens?")


def test_a_link_shows_the_same_view_in_a_new_browser(page, browser, address):
    visit(page, f"{address}/samples?search=more&rising=true&open=2")
    before = n_shown(page)
    assert not before.startswith("12 of 12")
    url = page.url
    assert "search=more" in url
    with contextlib.closing(browser.new_context()) as context:
        context.set_default_timeout(PATIENCE)
        other = context.new_page()
        visit(other, url)
        assert n_shown(other) == before
        assert "open=2" in url
        wait_for_value(other.get_by_role("spinbutton", name="Open"), "2")


def test_choices_survive_a_change_of_page(page, address):
    visit(page, f"{address}/samples?search=more")
    menu = page.locator("[data-testid=stSidebarNav]")
    menu.get_by_role("link", name="Heads").click()
    page.get_by_role("heading", name="Heads", exact=True).wait_for()
    menu.get_by_role("link", name="Samples").click()
    page.get_by_role("heading", name="Samples", exact=True).wait_for()
    wait_for_value(page.get_by_role("searchbox", name="Search"), "more")


def test_a_job_goes_on_after_a_reload_is_seen_elsewhere_and_ends_when_cancelled(
    page, browser, address, chain
):
    """Lengths of so many rows that they are still being counted when the job is cancelled."""
    # The job loads a model, in a process that shares a busy machine.
    page.set_default_timeout(3 * PATIENCE)
    data = chain.parent / "many.jsonl"
    row = '{"id": "m%d", "problem": "What is %d and 1?", "solution": "%d"}\n'
    data.write_text("".join(row % (i, i, i + 1) for i in range(60_000)))
    visit(page, f"{address}/run?stage=score&method=length")
    choose(page, "Model", "a path or a hub id")
    fill(page, "Folder or hub id", str(chain.parent / "tiny"))
    choose(page, "Data", "a path or a hub id")
    fill(page, "Path, folder, glob or hf:owner/name", str(data))
    page.locator(".st-key-start-unplanned button").click()
    page.get_by_role("button", name="Cancel").wait_for()
    page.reload()
    page.get_by_role("button", name="Cancel").wait_for()
    with contextlib.closing(browser.new_context()) as context:
        context.set_default_timeout(3 * PATIENCE)
        other = context.new_page()
        visit_running(other, f"{address}/run")
        other.get_by_role("button", name="Cancel").click()
        other.get_by_text("cancelled").first.wait_for()
    page.get_by_text("cancelled").first.wait_for()
    page.get_by_role("button", name="Start again").wait_for()
    assert page.get_by_role("button", name="Cancel").count() == 0
