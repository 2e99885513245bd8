"""A folder of real runs: the whole chain on a tiny random checkpoint and a dozen rows."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.checkpoints import write_checkpoint
from workbench.execute import (
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
from workbench.scoring import ScoreOptions

APP = Path(__file__).resolve().parents[2] / "apps" / "app.py"
HOSTILE = "<script>alert('x')</script>"


def write_rows(path: Path) -> Path:
    """Prompts of different lengths; the longest holds markup."""
    prompts = [f"{'one more ' * (i % 4)}{i}+{i}?" for i in range(11)] + [f"{HOSTILE} 1+1?"]
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
    scoring = ScoreOptions("circuitseer", variant="excess")
    scores = run_score(place, source, data, scoring, heads_path=heads.result)
    run_select(place, scores.result, SelectOptions("top", n=3))
    return place.runs


@pytest.fixture
def finished(chain, monkeypatch) -> Path:
    monkeypatch.setenv("WORKBENCH_RUNS", str(chain))
    return chain


@pytest.fixture
def copied(chain, tmp_path, monkeypatch) -> Path:
    """A copy of the chain that a test may break."""
    root = tmp_path / "home" / "runs"
    shutil.copytree(chain, root)
    monkeypatch.setenv("WORKBENCH_RUNS", str(root))
    return root


@pytest.fixture
def empty(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("WORKBENCH_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def open_page(name: str = "") -> AppTest:
    """The app at a page; any exception on the way fails the test."""
    at = AppTest.from_file(str(APP), default_timeout=60).run()
    if name:
        at.switch_page(f"page_{name}.py").run()
    assert [e.message for e in at.exception] == []
    return at


def words(at: AppTest) -> str:
    """Everything a reader can read, without what only a browser draws."""
    kinds = ("title", "subheader", "caption", "text", "markdown", "info", "warning", "error")
    parts = [element.value for kind in kinds for element in at.get(kind)]
    parts += [element.value for element in at.get("success")]
    parts += [element.value for element in at.get("code")]
    parts += [f"{metric.label} {metric.value}" for metric in at.metric]
    return "\n".join(map(str, parts))
