"""The command line called within the test's own process, and a small pool to call it on."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest


class Done(NamedTuple):
    """How a call ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def workbench(monkeypatch, capsys) -> Callable[..., Done]:
    """`workbench("score", "--data", path)` as the shell would call it."""
    from workbench.cli.main import main

    def call(*arguments: object) -> Done:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["workbench", *map(str, arguments)])
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        code = 0
        try:
            main()
        except SystemExit as done:
            code = int(done.code or 0)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        return Done(code, *capsys.readouterr())

    return call


def write_sums(path: Path, n_rows: int = 24) -> Path:
    rows = [
        {"id": f"sum-{i}", "problem": f"What is {i} + {i}?" + "!" * i, "solution": f"it is {2 * i}"}
        for i in range(n_rows)
    ]
    path.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def sums(tmp_path_factory) -> Path:
    """24 rows that fit the tiny models."""
    return write_sums(tmp_path_factory.mktemp("sums") / "sums.jsonl")


@pytest.fixture(scope="session")
def made(checkpoint, sums, tmp_path_factory):
    """A runs folder with one run of each stage up to the selection."""
    from workbench.scoring import ScoreRequest
    from workbench.stages import (
        HeadsOptions,
        ModelSource,
        Place,
        ProbeOptions,
        SelectOptions,
        run_heads,
        run_probe,
        run_score,
        run_select,
    )

    place = Place(tmp_path_factory.mktemp("made") / "runs")
    source = ModelSource(str(checkpoint("llama")), device="cpu")
    probe = run_probe(place, source, [str(sums)], ProbeOptions(n=4))
    heads = run_heads(place, source, probe.result, HeadsOptions())
    scores = run_score(
        place, source, [str(sums)], ScoreRequest.of("circuitseer"), heads_path=heads.result
    )
    selection = run_select(place, scores.result, SelectOptions("top", n=5))
    return {
        "runs": place.runs,
        "probe": probe.run.name,
        "heads": heads.run.name,
        "scores": scores.run.name,
        "selection": selection.run.name,
    }
