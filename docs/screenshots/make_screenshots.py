"""Pictures of every page, light and dark, taken in a headless browser.

    python docs/screenshots/make_screenshots.py                  # of the bundled tour and demo
    python docs/screenshots/make_screenshots.py --runs demo/runs --only heads --scheme dark

Needs the extra `dev`, a Chromium (`playwright install chromium`, or one of the system), and for the
tour its model: `workbench models get smollm2-135m`.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

PAGES = {
    "overview": "",
    "heads": "heads",
    "heads-attention": "heads?detail=attention",
    "tokens": "tokens?two=true",
    "steps": "steps",
    "playground": "playground?off=L16H0&off=L1H0",
    "samples": "samples",
    "validate": "validate",
    "compare": "compare?what=scores",
    "select": "select",
    "amplify": "amplify",
    "run": "run?stage=score",
}
SCHEMES = ("light", "dark")
READY = "notRunning"
MAX_BYTES = 300_000
N_COLORS = 256
WIDTH, MAX_HEIGHT = 1280, 2400
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SYSTEM_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def main() -> None:
    """Start the app, visit every page, write one PNG each."""
    parser = argparse.ArgumentParser(description="Pictures of every page of the app.")
    parser.add_argument("--runs", type=Path, help="a folder of runs; default: what comes along")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--width", type=int, default=WIDTH, help="of the window, in pixels")
    parser.add_argument("--scheme", choices=SCHEMES, help="one of the two; default: both")
    parser.add_argument("--only", choices=list(PAGES), action="append", help="repeatable")
    options = parser.parse_args()
    if options.runs is not None and not options.runs.is_dir():
        sys.exit(f"no folder '{options.runs}'; run `workbench demo` or leave out --runs")
    options.out.mkdir(parents=True, exist_ok=True)
    browser_path = next(filter(None, map(shutil.which, SYSTEM_BROWSERS)), None)
    with (
        tempfile.TemporaryDirectory() as empty,
        running_app(options.runs or Path(empty) / "runs") as address,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=browser_path, args=FLAGS)
        for scheme in [options.scheme] if options.scheme else SCHEMES:
            page = browser.new_page(color_scheme=scheme)
            page.set_default_timeout(300_000)
            for name in options.only or PAGES:
                target = options.out / f"{name}{'-dark' if scheme == 'dark' else ''}.png"
                photograph(page, f"{address}/{PAGES[name]}", target, width=options.width)
                print(f"{target} {target.stat().st_size // 1000} kB")
        browser.close()


@contextlib.contextmanager
def running_app(runs: Path) -> Iterator[str]:
    """The app on a free port of this machine, ended with the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    code = "from workbench.cli.main import main; main()"
    command = [sys.executable, "-c", code, "app", "--headless", "--port", str(port)]
    app = subprocess.Popen([*command, "--runs", str(runs)], stdout=subprocess.DEVNULL)
    try:
        for _ in range(120):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.5)
        yield f"http://127.0.0.1:{port}"
    finally:
        app.terminate()
        app.wait(timeout=30)


def photograph(page: Page, address: str, target: Path, *, width: int) -> None:
    """Wait until the page has settled, then take it at its full height, within `MAX_BYTES`."""
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(address)
    page.wait_for_selector("h1")
    height = settled_height(page)
    page.set_viewport_size({"width": width, "height": min(height + 20, MAX_HEIGHT)})
    settled_height(page)
    take(page, target)
    if target.stat().st_size > MAX_BYTES:
        page.set_viewport_size({"width": width, "height": 1400})
        settled_height(page)
        take(page, target)


def take(page: Page, target: Path) -> None:
    """The picture in few colours, which makes it several times smaller."""
    page.screenshot(path=target)
    with Image.open(target) as image:
        reduced = image.convert("RGB").quantize(N_COLORS)
    reduced.save(target, optimize=True)


def settled_height(page: Page) -> int:
    """The page's height once nothing runs and it has been the same for four looks."""
    same, height = 0, -1
    for _ in range(240):
        page.wait_for_timeout(500)
        busy = page.locator("[data-testid=stApp]").get_attribute("data-test-script-state") != READY
        busy = busy or page.locator("[data-testid=stSpinner]").count()
        now = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        same = same + 1 if now == height and not busy else 0
        height = now
        if same >= 4:
            break
    return height


if __name__ == "__main__":
    main()
