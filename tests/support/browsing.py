"""What a user does on a page, each step waited for: visit, choose, fill, click on a head.

visit(page, f"{address}/heads")
click_head(page, 3, 5)
"""

from __future__ import annotations

import re

PATIENCE = 120_000

PLACE = """([layer, head]) => {
    const chart = document.querySelector('[class*=st-key-map] .js-plotly-plot');
    const box = chart.getBoundingClientRect(), { xaxis, yaxis } = chart._fullLayout;
    return [box.x + xaxis._offset + xaxis.d2p(head), box.y + yaxis._offset + yaxis.d2p(layer)];
}"""


def visit(page, url: str) -> None:
    page.goto(url)
    page.wait_for_selector("h1")
    settle(page)


def settle(page) -> None:
    """Wait until nothing runs any more."""
    page.wait_for_timeout(300)
    page.wait_for_function(
        "() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState"
        " === 'notRunning'"
    )
    page.wait_for_timeout(200)


def visit_running(page, url: str) -> None:
    page.goto(url)
    page.wait_for_selector("h1")
    page.get_by_role("button", name="Cancel").wait_for()


def wait_for_text(page, part: str) -> None:
    page.wait_for_function("part => location.href.includes(part)", arg=part)


def wait_for_value(field, value: str) -> None:
    from playwright.sync_api import expect

    expect(field).to_have_value(value, timeout=PATIENCE)


def box_of(page, key: str) -> dict:
    """Where the plot area of a chart lies on the screen."""
    area = page.locator(f".st-key-{key} .nsewdrag").first
    area.wait_for(state="attached")
    area.evaluate("e => e.scrollIntoView({block: 'center'})")
    page.wait_for_timeout(500)
    return area.evaluate(
        "e => { const b = e.getBoundingClientRect();"
        " return {x: b.x, y: b.y, width: b.width, height: b.height} }"
    )


def choose(page, label: str, option: str) -> None:
    """Pick an option of a box, and wait until the page has taken it."""
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=option, exact=True).click()
    settle(page)


def fill(page, label: str, text: str) -> None:
    field = page.get_by_role("textbox", name=label)
    field.fill(text)
    field.press("Enter")
    settle(page)


def page_option(page, end: str) -> str:
    page.get_by_role("combobox", name="Circuit").click()
    name = page.get_by_role("option", name=re.compile(end)).inner_text()
    page.keyboard.press("Escape")
    return name


def click_head(page, layer: int, head: int) -> None:
    """On the centre of its cell, which the chart itself tells, once the chart names the head."""
    settle(page)
    area = page.locator("[class*=st-key-map] .nsewdrag").first
    area.evaluate("e => e.scrollIntoView({block: 'center'})")
    page.wait_for_timeout(500)
    x, y = page.evaluate(PLACE, [layer, head])
    page.mouse.move(x - 3, y - 3)
    page.mouse.move(x, y)
    page.locator(".st-key-map .hoverlayer, [class*=st-key-map] .hoverlayer").get_by_text(
        re.compile(rf"L{layer}H{head}\b")
    ).first.wait_for()
    page.mouse.click(x, y)


def n_shown(page) -> str:
    """The heading over the table of the chain's twelve rows."""
    return page.get_by_role("heading", name=re.compile(r"of 12 rows")).inner_text()
