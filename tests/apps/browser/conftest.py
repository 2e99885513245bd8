"""One browser and one server a file; the runs are copies that the tests may add to.

Needs a Chromium: that of Debian, or any that is found. WORKBENCH_REQUIRE_BROWSER=1 turns a missing
one into a failure; without the variable the tests are skipped, and say so.
"""

from __future__ import annotations

import contextlib
import json
import os
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

import pytest

from apps.jobs import job as jobs
from tests.support.browsing import PATIENCE
from tests.support.head_scores import many_heads
from tests.support.manifests import write_manifest
from workbench.circuits import heads_to_json

BROWSERS = ("chromium", "chromium-browser", "google-chrome")

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]

REQUIRED = "WORKBENCH_REQUIRE_BROWSER"


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
