"""Nothing of a page is cut off on a screen of 1280 pixels."""

from __future__ import annotations

import pytest

from tests.support.browsing import settle, visit

pytestmark = pytest.mark.slow

CUT = """() => [...document.querySelectorAll(%s)]
    .filter(part => part.scrollWidth > part.clientWidth + 1)
    .map(part => part.innerText)"""
CHOICES = CUT % "'[data-testid=stButtonGroup] > [data-orientation]'"
NUMBERS = CUT % "'[data-testid=stMetricValue] div, [data-testid=stMetricLabel] p'"
PAGES = ("", "heads", "tokens", "playground", "samples", "validate", "compare", "select")
PAGES = (*PAGES, "compare?what=scores", "compare?what=selections")


@pytest.mark.parametrize("name", PAGES)
def test_choices_and_numbers_are_read_whole(page, address, name):
    page.set_viewport_size({"width": 1280, "height": 900})
    visit(page, f"{address}/{name}")
    assert page.evaluate(CHOICES) == []
    assert page.evaluate(NUMBERS) == []


def test_the_names_and_numbers_of_all_sets_in_the_playground_are_read_whole(page, address):
    page.set_viewport_size({"width": 1280, "height": 900})
    visit(page, f"{address}/playground")
    page.get_by_role("button", name="A random draw").click()
    settle(page)
    assert page.locator("[data-testid=stMetricValue]").count() > 2
    assert page.evaluate(NUMBERS) == []
    assert page.evaluate(CHOICES) == []
