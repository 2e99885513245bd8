"""How long each interaction with the tour of SmolLM2 takes, with the model on this machine.

    workbench models get smollm2-135m
    python docs/measure_pretrained.py

The app is started on no runs of its own, so it shows the bundled tour, and is driven in a headless
browser. Printed for every interaction: seconds from the first sign of work to the page at rest,
and processor seconds of the server in that time.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page

sys.path.insert(0, str(Path(__file__).parent))
from timed_pages import Timed, driven, rest


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        driven(Path(folder) / "runs") as (page, address, timed),
    ):
        began = time.monotonic()
        page.goto(address)
        page.wait_for_selector("h1")
        rest(page)
        print(f"first page, the server just started: {time.monotonic() - began - 1:.1f} s")
        measure(page, timed)


def measure(page: Page, timed: Timed) -> None:
    """Maps first, then what runs the model."""

    def head(name: str) -> None:
        box = page.get_by_role("combobox", name="Head, by rank")
        box.click()
        box.fill(name)
        page.get_by_role("option", name=name, exact=True).click()

    def show(name: str) -> None:
        page.get_by_text(name, exact=True).first.click()

    def link(name: str) -> None:
        page.get_by_role("link", name=name).first.click()

    timed("Heads: open the page", lambda: link("Heads"))
    timed("Heads: another head", lambda: head("L1H0"))
    timed("Heads: colour by contribution", lambda: show("contribution"))
    timed("Samples: open the page", lambda: link("Samples"))
    timed("Samples: open the next row", lambda: page.get_by_role("button", name="Next").click())
    timed("Heads: open the page again", lambda: link("Heads"))
    timed("Heads: attention of a head, loads the model", lambda: show("attention"))
    timed("Heads: attention of another head", lambda: head("L23H0"))
    timed("Tokens: open the page", lambda: link("Tokens"))
    place = page.get_by_role("spinbutton", name="Place")
    timed("Tokens: another row", lambda: (place.fill("7"), place.press("Enter")))
    timed("Playground: open the page, losses of four sets", lambda: link("Playground"))
    row = page.get_by_role("spinbutton", name="Row")
    timed("Playground: another problem", lambda: (row.fill("3"), row.press("Enter")))
    draw = page.get_by_role("button", name="A random draw")
    timed("Playground: a random draw", draw.click)
    timed("Overview: open the page", lambda: link("Overview"))


if __name__ == "__main__":
    main()
