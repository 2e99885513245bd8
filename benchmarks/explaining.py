"""How far the time that `--explain` foretells lies from the time the work then takes."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT
from benchmarks.measure import Measured, Settings
from benchmarks.shapes import BUNDLED
from workbench.data import read_samples
from workbench.execute import (
    HeadsOptions,
    ModelSource,
    Place,
    ProbeOptions,
    run_heads,
    run_probe,
    run_score,
)
from workbench.execute.explain import explain_heads, explain_score
from workbench.scoring import ScoreOptions
from workbench.types import Sample


def explained(settings: Settings) -> Measured:
    """The largest deviation in percent over kinds of work, each the median of the runs."""
    demo = next((ROOT / "data" / "demo_runs").glob("heads-*/heads.json"), None)
    if demo is None:
        return Measured(None, why_not="there is no finished demo in data/demo_runs")
    source = ModelSource(BUNDLED, device="cpu")
    data = [str(_rows(settings))]
    seconds = {}
    for method in ("circuitseer", "attention-influence", "loss"):
        options = ScoreOptions(method)
        seconds[method] = _both(
            settings,
            lambda o=options: explain_score(source, data, o, heads_path=demo),
            lambda place, o=options: run_score(place, source, data, o, heads_path=demo),
        )
    with tempfile.TemporaryDirectory() as folder:
        few = ProbeOptions(n=8 if settings.quick else 64)
        probe = run_probe(Place(Path(folder)), source, data, few).result
        seconds["heads find"] = _both(
            settings,
            lambda: explain_heads(source, probe),
            lambda place: run_heads(place, source, probe, HeadsOptions()),
        )
    off = {name: 100 * abs(told / real - 1) for name, (told, real) in seconds.items()}
    return Measured(max(off.values()), {"seconds_told_and_real": seconds, "percent": off})


def _both(
    settings: Settings, explain: Callable[[], Any], work: Callable[[Place], Any]
) -> tuple[float, float]:
    """Seconds told and seconds taken, of the run in the middle; the model is loaded before."""
    pairs = []
    for _ in range(settings.runs):
        told = float(explain()["estimated_seconds"])
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            work(Place(Path(folder)))
            pairs.append((told, time.perf_counter() - began))
    return sorted(pairs, key=lambda pair: pair[0] / pair[1])[len(pairs) // 2]


def _rows(settings: Settings) -> Path:
    """Some bundled problems as a file."""
    n = 60 if settings.quick else 1500
    path = settings.work / f"gsm8k-{n}.jsonl"
    if not path.is_file():
        readable = (row for row in read_samples(["gsm8k"]) if isinstance(row, Sample))
        rows = [sample.row for sample in islice(readable, n)]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
