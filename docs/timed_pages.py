"""How long an interaction with the app takes: what the measuring scripts of this folder share.

with driven(runs) as (page, address, timed):
    timed("Heads: open the page", lambda: page.get_by_role("link", name="Heads").click())
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).parent / "screenshots"))
from make_screenshots import FLAGS, READY, SYSTEM_BROWSERS, running_app

WATCH = """() => {
  window.looks = [];
  const app = document.querySelector('[data-testid=stApp]');
  const look = () => window.looks.push([performance.now(), app.dataset.testScriptState]);
  new MutationObserver(look).observe(app, {attributes: true});
}"""
SECONDS = """() => {
  const busy = window.looks.filter(look => look[1] !== 'notRunning');
  if (!busy.length) return 0;
  return (window.looks[window.looks.length - 1][0] - busy[0][0]) / 1000;
}"""


Timed = Callable[[str, Callable[[], object]], None]


@contextlib.contextmanager
def driven(runs: Path) -> Iterator[tuple[Page, str, Timed]]:
    """The app on `runs` in a headless browser, and what times one interaction and prints it.

    Seconds from the first sign of work to the page at rest, processor seconds of the server in
    that time, and the resident memory of the server afterwards.
    """
    with running_app(runs) as address, sync_playwright() as playwright:
        path = next(filter(None, map(shutil.which, SYSTEM_BROWSERS)), None)
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(60_000)
        server = Server(address)

        def timed(name: str, act: Callable[[], object]) -> None:
            page.evaluate(WATCH)
            before = server.seconds()
            act()
            rest(page)
            wall, cpu = page.evaluate(SECONDS), server.seconds() - before
            print(f"{name:<52} {wall:6.2f} s {cpu:6.2f} s {server.megabytes():6.0f} MB", flush=True)

        print(f"{'':<52} {'wall':>8} {'server':>8} {'holds':>9}")
        yield page, address, timed
        browser.close()


class Server:
    """The process that serves an address of this machine, as /proc tells of it."""

    def __init__(self, address: str):
        port = address.rpartition(":")[2]
        wanted = f"streamlit\0run\0.*--server.port\0{port}\0"
        self.folder = next(
            path
            for path in Path("/proc").glob("[0-9]*")
            if re.search(wanted, (path / "cmdline").read_text(errors="replace"))
        )

    def seconds(self) -> float:
        """Processor time so far, of all threads."""
        fields = (self.folder / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def megabytes(self) -> float:
        pages = int((self.folder / "statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def rest(page: Page) -> None:
    """Wait until nothing has run for a second."""
    quiet = 0
    page.wait_for_timeout(700)
    while quiet < 5:
        state = page.locator("[data-testid=stApp]").get_attribute("data-test-script-state")
        quiet = quiet + 1 if state == READY else 0
        page.wait_for_timeout(200)
