"""How far the time that `--explain` foretells lies from the time the work then takes."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.measure import Measured, Settings
from benchmarks.scoring import circuit
from benchmarks.shapes import BUNDLED, large, middle
from workbench.data import read_samples
from workbench.scoring import ScoreRequest
from workbench.stages import (
    HeadsOptions,
    ModelSource,
    Place,
    ProbeOptions,
    plan_score,
    run_heads,
    run_probe,
    run_score,
)
from workbench.stages.explain import explain_heads, explain_probe
from workbench.types import Sample

Pair = tuple[float, float]


def explained(settings: Settings) -> Measured:
    """The largest deviation in percent over kinds of work, each the median of the runs."""
    seconds = dict(_of_shapes(settings))
    off = {name: 100 * abs(told / real - 1) for name, (told, real) in seconds.items()}
    return Measured(max(off.values()), {"seconds_told_and_real": seconds, "percent": off})


def _of_shapes(settings: Settings) -> Iterator[tuple[str, Pair]]:
    """Every kind of work on the bundled model; what there is time for on the larger shapes."""
    quick = settings.quick
    bundled = ModelSource(BUNDLED, device="cpu")
    data = _rows(settings, 60 if quick else 1500)
    yield "probe build", _probe(settings, bundled, data)
    for method in ("circuitseer", "attention-influence", "loss"):
        yield method, _score(settings, bundled, data, method)
    yield "heads find", _heads(settings, bundled, data, 8 if quick else 64)
    shape = ModelSource(str(middle(settings)), device="cpu")
    few = _rows(settings, 12 if quick else 60)
    yield "circuitseer, 12 x 12", _score(settings, shape, few, "circuitseer")
    yield "heads find, 12 x 12", _heads(settings, shape, few, 2)
    shape = ModelSource(str(large(settings)), device="cpu", dtype="bfloat16")
    few = _rows(settings, 6)
    yield "circuitseer, 1.5B", _score(settings, shape, few, "circuitseer", batch_tokens=512)


def _probe(settings: Settings, source: ModelSource, data: list[str]) -> Pair:
    return _both(
        settings,
        lambda: explain_probe(source, data, strategy="highest-loss"),
        lambda place: run_probe(place, source, data, ProbeOptions(n=8)),
    )


def _score(
    settings: Settings,
    source: ModelSource,
    data: list[str],
    method: str,
    batch_tokens: int | None = None,
) -> Pair:
    request = ScoreRequest.of(method, batch_tokens=batch_tokens)
    heads = None if method == "loss" else _circuit(settings, source)
    return _both(
        settings,
        lambda: plan_score(source, data, request, heads_path=heads),
        lambda place: run_score(place, source, data, request, heads_path=heads),
    )


def _heads(settings: Settings, source: ModelSource, data: list[str], n: int) -> Pair:
    with tempfile.TemporaryDirectory() as folder:
        drawn = ProbeOptions(n=n, strategy="random")
        probe = run_probe(Place(Path(folder)), source, data, drawn).result
        return _both(
            settings,
            lambda: explain_heads(source, probe),
            lambda place: run_heads(place, source, probe, HeadsOptions()),
        )


def _both(settings: Settings, explain: Callable[[], Any], work: Callable[[Place], Any]) -> Pair:
    """Seconds told and seconds taken, of the run in the middle; the model is loaded before."""
    pairs = []
    for _ in range(settings.runs):
        told = float(explain()["estimated_seconds"])
        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            work(Place(Path(folder)))
            pairs.append((told, time.perf_counter() - began))
    return sorted(pairs, key=lambda pair: pair[0] / pair[1])[len(pairs) // 2]


def _circuit(settings: Settings, source: ModelSource) -> Path:
    """Heads from the middle layers, in the form of the retrieval-head project."""
    model = source.load()
    heads = circuit(model)
    path = settings.work / f"circuit-{model.n_layers}x{model.n_heads}.json"
    every = {f"{i}-{h}": [0.0] for i in range(model.n_layers) for h in range(model.n_heads)}
    chosen = {f"{head.layer}-{head.head}": [1.0] for head in heads}
    path.write_text(json.dumps(every | chosen), encoding="utf-8")
    return path


def _rows(settings: Settings, n: int) -> list[str]:
    """Some bundled problems as a file."""
    path = settings.work / f"gsm8k-{n}.jsonl"
    if not path.is_file():
        readable = (row for row in read_samples(["gsm8k"]) if isinstance(row, Sample))
        rows = [sample.row for sample in islice(readable, n)]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return [str(path)]
