"""How long each interaction with a table of a million scored rows takes, and what the server holds.

    python docs/measure_million_rows.py
    python docs/measure_million_rows.py --rows 100000

A copy of the bundled demo gets a scores table and texts of that many made-up rows; the app is
started on it and driven in a headless browser. Printed for every interaction: seconds from the
first sign of work to the page at rest, and processor seconds of the server in that time.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from playwright.sync_api import Page

from workbench.bundled import bundled_dir
from workbench.data import fingerprint_sources

sys.path.insert(0, str(Path(__file__).parent))
from timed_pages import Timed, driven, rest

VARIANTS = ("paper", "paper_no_sink", "cv2", "cv2_no_sink", "excess", "excess_no_sink")


def main() -> None:
    """Make the table, start the app, time every interaction."""
    parser = argparse.ArgumentParser(description="Interactions with a large table of scores.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs = make_runs(Path(folder), options.rows)
        os.chdir(folder)
        with driven(runs) as (page, address, timed):
            measure(page, address, timed)


def make_runs(folder: Path, n_rows: int) -> Path:
    """The demo's runs, with one table of scores and its data replaced by a large one."""
    runs, data = folder / "runs", folder / "rows.jsonl"
    shutil.copytree(bundled_dir("data") / "demo_runs", runs)
    scores = next(runs.glob("score-circuitseer-*"))
    for other in [*runs.glob("score-*"), *runs.glob("select-*")]:
        if other != scores:
            shutil.rmtree(other)
    rng = np.random.default_rng(0)
    tokens = rng.integers(20, 400, n_rows).astype("int32")
    columns = {
        "row_id": [f"row-{i}" for i in range(n_rows)],
        "row_index": np.arange(n_rows),
        "source": rng.choice(["a", "b", "c"], n_rows),
        "n_tokens": tokens,
        "score": rng.gamma(2, 1, n_rows) / tokens,
        "score_within_length": rng.random(n_rows),
        "status": np.where(np.arange(n_rows) % 100, "ok", "too_short"),
        "reason": [""] * n_rows,
        "n_steps": rng.integers(1, 9, n_rows).astype("float64"),
        **{name: rng.gamma(2, 1, n_rows) for name in VARIANTS},
    }
    pq.write_table(pa.table(columns), scores / "scores.parquet", compression="zstd")
    with data.open("w") as file:
        for i in range(n_rows):
            problem = f"Problem {i}: how many apples are {i % 97} and {i % 89} apples?"
            row = {"id": f"row-{i}", "problem": problem, "solution": str(i % 97 + i % 89)}
            file.write(json.dumps(row) + "\n")
    path = scores / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["details"] |= {"data": [str(data)], "shape": None}
    manifest["inputs"]["data"] = fingerprint_sources([str(data)])
    path.write_text(json.dumps(manifest))
    return runs


def measure(page: Page, address: str, timed: Timed) -> None:
    """Every interaction once, in the order in which a reader would come to them."""
    page.goto(f"{address}/samples")
    page.wait_for_selector("h1")
    rest(page)
    page.get_by_role("button", name="Read the texts").click()
    began = time.monotonic()
    while page.get_by_text("The texts of").count() or not texts_are_there(page):
        page.wait_for_timeout(5_000)
        page.reload()
        page.wait_for_selector("h1")
        rest(page)
    print(f"texts read once, by a job: {time.monotonic() - began:.0f} s")
    rows = page.locator(".st-key-sort")
    timed("Samples: change a range of scores", lambda: drag(page))
    timed("Samples: order by tokens", lambda: rows.get_by_text("tokens", exact=True).click())
    timed("Samples: open the next row", lambda: page.get_by_role("button", name="Next").click())
    box = page.get_by_role("spinbutton", name="Open")
    timed("Samples: open row 30,000 of these", lambda: (box.fill("30000"), box.press("Enter")))
    search = page.get_by_role("searchbox", name="Search")
    timed("Samples: search all texts", lambda: (search.fill("Problem 77"), search.press("Enter")))
    timed("Samples: keep a row by hand", lambda: page.get_by_role("button", name="Keep").click())
    timed("Select: open the page", lambda: page.get_by_role("link", name="Select").click())
    slider = page.locator(".st-key-percent").get_by_role("slider")
    timed("Select: another budget", lambda: (slider.focus(), slider.press("ArrowRight")))
    timed("Select: another policy", lambda: choose(page, "Policy", "top"))
    timed("Tokens: open the page", lambda: page.get_by_role("link", name="Tokens").click())
    place = page.get_by_role("spinbutton", name="Place")
    timed("Tokens: another place", lambda: (place.fill("500000"), place.press("Enter")))
    timed("Overview: open the page", lambda: page.get_by_role("link", name="Overview").click())
    timed("Select: open the page again", lambda: page.get_by_role("link", name="Select").click())
    timed("Samples: open the page again", lambda: page.get_by_role("link", name="Samples").click())


def texts_are_there(page: Page) -> bool:
    return page.get_by_role("button", name="Read the texts").count() == 0


def drag(page: Page) -> None:
    area = page.locator(".st-key-histogram-linear .nsewdrag").first
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.05, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.3, y, steps=5)
    page.mouse.up()


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=label).click()
    page.get_by_role("option", name=option, exact=True).click()


if __name__ == "__main__":
    main()
