"""What only a browser can show: clicks on charts, drags, downloads, reloads, and that nothing runs.

Needs a Chromium: that of Debian, or any that is found. WORKBENCH_REQUIRE_BROWSER=1 turns a missing
one into a failure; without the variable the tests are skipped, and say so.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import warnings
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote_plus

import pytest

from apps.jobs import job as jobs
from tests.support.head_scores import many_heads
from tests.support.manifests import write_manifest
from workbench.circuits import heads_to_json

pytestmark = pytest.mark.slow

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
REQUIRED = "WORKBENCH_REQUIRE_BROWSER"
PATIENCE = 120_000


def missing(what: str):
    if os.environ.get(REQUIRED):
        pytest.fail(f"{what}, and {REQUIRED} is set")
    warnings.warn(pytest.PytestWarning(f"LEFT OUT: the browser tests ({what})"), stacklevel=1)
    pytest.skip(what)


@pytest.fixture(scope="module")
def browser():
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        missing("no Chromium is installed")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("playwright is not installed")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def root(chain, tmp_path_factory) -> Iterator[Path]:
    """Runs that these tests may add to."""
    copy = tmp_path_factory.mktemp("browser") / "runs"
    shutil.copytree(chain, copy)
    write_large(copy)
    yield copy
    for job in jobs.every_job(copy):
        jobs.cancel_job(job)


def write_large(root: Path) -> None:
    """Heads of a model of 28 x 28, made before the chain's, so that it is not the newest."""
    origin = next(root.glob("heads-*"))
    folder = root / "heads-exact-28282828"
    folder.mkdir()
    manifest = json.loads((origin / "manifest.json").read_text())
    manifest |= {"created": "2020-01-01T00:00:00+00:00", "parents": [], "files": {}}
    write_manifest(folder / "manifest.json", manifest)
    (folder / "heads.json").write_text(json.dumps(heads_to_json(many_heads(28, 28))))


@pytest.fixture(scope="module")
def log(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("log") / "server.log"


@pytest.fixture(scope="module")
def address(root, chain, log) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    code = "from workbench.cli.main import main; main()"
    command = [sys.executable, "-c", code, "app", "--headless", "--port", str(port)]
    command += ["--runs", str(root), "--root", str(chain.parent)]
    with log.open("wb") as said:
        app = subprocess.Popen(command, start_new_session=True, stdout=said, stderr=said)
    try:
        yield wait_for(f"http://127.0.0.1:{port}")
    finally:
        os.killpg(app.pid, signal.SIGTERM)
        app.wait(timeout=30)


def wait_for(url: str) -> str:
    for _ in range(600):
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/_stcore/health"):
            return url
        time.sleep(0.2)
    raise AssertionError(f"{url} did not come up")


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    yield page
    context.close()


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


def page_option(page, end: str) -> str:
    page.get_by_role("combobox", name="Circuit").click()
    name = page.get_by_role("option", name=re.compile(end)).inner_text()
    page.keyboard.press("Escape")
    return name


PLACE = """([layer, head]) => {
    const chart = document.querySelector('[class*=st-key-map] .js-plotly-plot');
    const box = chart.getBoundingClientRect(), { xaxis, yaxis } = chart._fullLayout;
    return [box.x + xaxis._offset + xaxis.d2p(head), box.y + yaxis._offset + yaxis.d2p(layer)];
}"""


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


def test_on_a_large_map_a_click_opens_the_head_it_is_on(page, address):
    area = large_map(page, address)
    assert area["height"] < 600, "one screen high"
    # The first in rank is open already, and the address does not name it.
    for layer, head in ((0, 1), (5, 13), (13, 14), (27, 27), (8, 20)):
        click_head(page, layer, head)
        wait_for_text(page, f"head=L{layer}H{head}")


def wait_for_text(page, part: str) -> None:
    page.wait_for_function("part => location.href.includes(part)", arg=part)


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


def test_nothing_is_asked_of_another_machine(page, address):
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    for path in ("", "/heads", "/samples", "/run"):
        visit(page, f"{address}{path}")
    own = (address, address.replace("http", "ws", 1), "data:", "blob:")
    assert [url for url in asked if not url.startswith(own)] == []
    assert asked


def wait_for_value(field, value: str) -> None:
    from playwright.sync_api import expect

    expect(field).to_have_value(value, timeout=PATIENCE)


def n_shown(page) -> str:
    return page.get_by_role("heading", name=re.compile(r"of 12 rows")).inner_text()


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
    page.get_by_role("link", name="Heads").click()
    page.get_by_role("heading", name="Heads", exact=True).wait_for()
    page.get_by_role("link", name="Samples").click()
    page.get_by_role("heading", name="Samples", exact=True).wait_for()
    wait_for_value(page.get_by_role("searchbox", name="Search"), "more")


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
    button = page.get_by_role("button", name="Download data.jsonl")
    button.wait_for()
    settle(page)
    with page.expect_download() as download:
        button.click()
    path = tmp_path / "data.jsonl"
    download.value.save_as(path)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(rows) == 6
    assert all(row["messages"][0]["role"] == "user" for row in rows)
    scores = [row["_score"] for row in sorted(rows, key=lambda row: row["_rank"])]
    assert scores == sorted(scores, reverse=True)


def test_a_job_goes_on_after_a_reload_is_seen_elsewhere_and_ends_when_cancelled(
    page, browser, address, chain
):
    """Lengths of so many rows that they are still being counted when the job is cancelled."""
    # The plan loads a model and reads every row, in a process that shares a busy machine.
    page.set_default_timeout(3 * PATIENCE)
    data = chain.parent / "many.jsonl"
    row = '{"id": "m%d", "problem": "What is %d and 1?", "solution": "%d"}\n'
    data.write_text("".join(row % (i, i, i + 1) for i in range(60_000)))
    visit(page, f"{address}/run?stage=score&method=length")
    choose(page, "Model", "a path or a hub id")
    fill(page, "Folder or hub id", str(chain.parent / "tiny"))
    choose(page, "Data", "a path or a hub id")
    fill(page, "Path, folder, glob or hf:owner/name", str(data))
    page.get_by_role("button", name="Show the plan").click()
    page.locator(".st-key-start button").click()
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


def visit_running(page, url: str) -> None:
    page.goto(url)
    page.wait_for_selector("h1")
    page.get_by_role("button", name="Cancel").wait_for()
