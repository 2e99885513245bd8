"""A folder of real runs: the whole chain on a tiny random checkpoint and a dozen rows."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from apps.words.markdown import JOINER
from tests.support.checkpoints import write_checkpoint
from workbench.scoring import ScoreRequest
from workbench.stages import (
    HeadsOptions,
    ModelSource,
    Place,
    ProbeOptions,
    SelectOptions,
    ValidateOptions,
    run_heads,
    run_probe,
    run_score,
    run_select,
    run_validate,
)

APP = Path(__file__).resolve().parents[2] / "apps" / "app.py"
HOSTILE = "<script>alert('x')</script>"
MORE_HOSTILE = ("<img src=x onerror=alert(1)>", "[x](javascript:alert(1))")
PAGES = ("", "heads", "tokens", "steps", "playground", "samples", "validate", "select")
PAGES = (*PAGES, "compare", "trial", "amplify", "run")
# The chain has no scores of steps and no two runs to compare, and amplifies nothing.
NO_NUMBERS = ("run", "steps", "trial", "amplify", "compare")


def write_rows(path: Path) -> Path:
    """Prompts of different lengths; the last three hold markup."""
    prompts = [f"{'one more ' * (i % 4)}{i}+{i}?" for i in range(9)]
    prompts += [f"{text} 1+1?" for text in (*MORE_HOSTILE, HOSTILE)]
    rows = [
        {"id": f"r{i}", "problem": prompt, "solution": str(2 * i), "level": i % 3}
        for i, prompt in enumerate(prompts)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="session")
def chain(tmp_path_factory) -> Path:
    """The runs root of a finished chain; not to be changed."""
    home = tmp_path_factory.mktemp("home")
    data = [str(write_rows(home / "rows.jsonl"))]
    source = ModelSource(str(write_checkpoint("qwen2", home / "tiny")), device="cpu")
    place = Place(home / "runs")
    probe = run_probe(place, source, data, ProbeOptions(n=6))
    heads = run_heads(place, source, probe.result, HeadsOptions(min_heads=2))
    options = ValidateOptions(n=6, random=5)
    run_validate(place, source, heads.result, data, options, control=())
    scoring = ScoreRequest.of("circuitseer", variant="excess")
    scores = run_score(place, source, data, scoring, heads_path=heads.result)
    run_select(place, scores.result, SelectOptions("top", n=3))
    return place.runs


@pytest.fixture
def finished(chain, monkeypatch) -> Path:
    look_at(chain, monkeypatch)
    monkeypatch.setenv("WORKBENCH_ROOTS", str(chain.parent))
    return chain


@pytest.fixture
def copied(chain, tmp_path, monkeypatch) -> Path:
    """A copy of the chain that a test may break."""
    root = tmp_path / "home" / "runs"
    shutil.copytree(chain, root)
    look_at(root, monkeypatch)
    monkeypatch.setenv("WORKBENCH_ROOTS", str(chain.parent))
    return root


@pytest.fixture
def empty(tmp_path, monkeypatch) -> Path:
    """A folder of runs that does not exist yet."""
    look_at(tmp_path / "runs", monkeypatch)
    return tmp_path / "runs"


@pytest.fixture
def no_demo(tmp_path, monkeypatch) -> None:
    """As if the demo were not part of the installation.

    What `demo_roots` looks for is replaced, not the function: pages keep it when they import it.
    """
    monkeypatch.setattr("apps.reading.workspace.bundled_dir", lambda name: tmp_path / name)


def look_at(runs: Path, monkeypatch) -> None:
    monkeypatch.setenv("WORKBENCH_RUNS", str(runs))
    monkeypatch.delenv("WORKBENCH_ROOTS", raising=False)


def open_page(name: str = "") -> AppTest:
    """The app at a page; any exception on the way fails the test."""
    at = AppTest.from_file(str(APP), default_timeout=60).run()
    if name:
        at.switch_page(f"views/{name}/page.py").run()
    assert [e.message for e in at.exception] == []
    return at


def strips(at: AppTest) -> list:
    """What is drawn as HTML, without the style of all pages."""
    return [part for part in at.get("html") if "<style>" not in part.proto.body]


def words(at: AppTest) -> str:
    """Everything a reader can read, without what only a browser draws."""
    return unescaped(markdown_of(at))


def markdown_of(at: AppTest) -> str:
    """The same as the page sends it, with what is escaped for markdown."""
    kinds = ("title", "subheader", "caption", "text", "markdown", "info", "warning", "error")
    parts = [element.value for kind in kinds for element in at.get(kind)]
    parts += [element.value for element in at.get("success")]
    parts += [element.value for element in at.get("code")]
    parts += [f"{metric.label} {metric.value}" for metric in at.metric]
    return "\n".join(map(str, parts))


def unescaped(markdown: str) -> str:
    """What a reader sees of text that was escaped for markdown."""
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", markdown).replace(JOINER, "")


def result(root, pattern: str) -> dict:
    return json.loads(next(root.glob(pattern)).read_text())


def heads_by_rank(root) -> list[dict]:
    return sorted(result(root, "heads-*/heads.json")["heads"], key=lambda h: h["rank"])


def name(head: dict) -> str:
    return f"L{head['layer']}H{head['head']}"


def charts(at) -> list:
    return at.get("plotly_chart")


def button(at, label: str):
    return next(b for b in at.button if b.label == label)


def field(at, label: str):
    return next(b for b in at.text_input if b.label == label)
