"""What several processes or actors share out has the bytes of one process, whoever is killed.

The workers of a backend are started once and lent to every test: what takes long is their start.
"""

from __future__ import annotations

import os
import signal
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from tests.support import workers as support
from tests.support.head_scores import write_circuit
from tests.support.spread import PATIENCE, start_score, wait_for, write_rows
from workbench.circuits import RetrievalSample, circuit_of, read_heads
from workbench.data import read_samples
from workbench.distributed.cluster import joined
from workbench.errors import InputError
from workbench.models import render
from workbench.options import (
    RECOGNISED,
    HeadsOptions,
    ProbeOptions,
    RetrievalOptions,
    WorkerOptions,
)
from workbench.runs import list_runs, read_manifest
from workbench.scoring import SCORERS, SHARD_ROWS, ScoreRequest
from workbench.stages import (
    ModelSource,
    Place,
    plan_score,
    retrieve,
    run_heads,
    run_probe,
    run_retrieval,
    run_score,
)
from workbench.stages import engine as stage_engine
from workbench.stages.engine import EngineOpening, open_engines
from workbench.stages.score import _Part

N_ROWS = 5 * SHARD_ROWS + 40
AIR = ScoreRequest.of("air", batch_tokens=256)
FILES = ("scores.parquet", "steps.parquet", "summary.json")


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def heads_path(tiny_model, tmp_path_factory) -> Path:
    return write_circuit(tmp_path_factory.mktemp("heads") / "heads.json", tiny_model.info, 1)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> list[str]:
    return [str(write_rows(tmp_path_factory.mktemp("data") / "pool.jsonl", N_ROWS))]


@pytest.fixture(scope="module")
def few(tmp_path_factory) -> list[str]:
    return [str(write_rows(tmp_path_factory.mktemp("few") / "pool.jsonl", 60))]


@pytest.fixture(scope="module")
def source(checkpoint) -> ModelSource:
    return ModelSource(str(checkpoint("llama")), device="cpu")


@pytest.fixture(scope="module")
def alone(source, data, heads_path, tmp_path_factory):
    return run_score(
        Place(tmp_path_factory.mktemp("one")), source, data, AIR, heads_path=heads_path
    )


@pytest.fixture(scope="module", params=["local", "ray"])
def two(request) -> WorkerOptions:
    return WorkerOptions(request.param, workers=2)


@pytest.fixture(scope="module")
def engines(two, source):
    """Two workers that hold the model."""
    with (
        joined(two) if two.backend == "ray" else nullcontext(),
        open_engines(EngineOpening(source), two) as engines,
    ):
        yield engines


@pytest.fixture
def lent(engines, monkeypatch):
    """Workers that a stage asks for are those that run already."""
    monkeypatch.setattr(stage_engine, "Crew", lambda *_, **__: nullcontext(engines._crew))
    return engines._crew


def assert_same(one, other, *names: str) -> None:
    for name in names:
        assert (one.run / name).read_bytes() == (other.run / name).read_bytes(), name
    assert one.run.name == other.run.name
    assert "workers" not in read_manifest(one.run)["details"]


@pytest.mark.parametrize("method", SCORERS)
def test_a_part_has_the_same_bytes_whoever_scores_it(
    method, engines, tiny_model, data, source, heads_path
):
    rows = list(read_samples(data, RECOGNISED))[:36]
    request = ScoreRequest.of(method, batch_tokens=64)
    circuit = circuit_of(read_heads(heads_path))
    works = [_Part(rows[i : i + 12], request, circuit) for i in range(0, 36, 12)]
    engine = EngineOpening(source)()
    found = dict(engines.results(enumerate(works)))
    assert sorted(found) == [0, 1, 2]
    for number, work in enumerate(works):
        (n_rows, *tables), (n_same, *alike) = found[number], work(engine)
        assert n_rows == n_same == 12
        for table, same in zip(tables, alike, strict=True):
            assert (table is None) == (same is None)
            assert table is None or table.equals(same)


def test_what_a_run_keeps_of_a_model_is_the_same(engines, source):
    engine = EngineOpening(source)()
    assert engines.info == engine.model.info
    assert engines.facts == engine.facts
    assert engines.batch_tokens() == 2048


def test_a_worker_killed_in_the_middle_loses_nothing(
    lent, two, source, data, heads_path, alone, tmp_path, capsys
):
    pids = lent.everyone(support.process_of)
    assert len({*pids, os.getpid()}) == 3
    lent.lost.clear()
    said = []

    def on_progress(done: int, total: int, text: str) -> None:
        if text.startswith("rows scored") and not any("rows" in line for line in said):
            os.kill(pids[0], signal.SIGKILL)
        said.append(text)

    place = Place(tmp_path, on_progress)
    shared = run_score(place, source, data, AIR, heads_path=heads_path, workers=two)
    assert_same(alone, shared, *FILES)
    assert lent.everyone(support.process_of).count(pids[0]) == 0
    assert len(lent.lost) == 1
    told = read_manifest(shared.run)["details"]["workers"]
    assert (told["backend"], told["n"]) == (two.backend, 2)
    assert told["lost"] in ([], lent.lost)
    if two.backend == "local":  # Ray prints where stdout went as the cluster was joined
        assert capsys.readouterr().out == ""


def test_a_probe_is_of_the_same_losses(lent, two, source, few, tmp_path):
    def probe(runs, **how):
        return run_probe(Place(tmp_path / runs), source, few, ProbeOptions(n=8), **how)

    assert_same(probe("one"), probe("two", workers=two), "probe.json", "probe.jsonl")


def test_heads_have_the_same_deltas(lent, two, source, few, tmp_path):
    probe = run_probe(Place(tmp_path), source, few, ProbeOptions(n=8, strategy="random"))

    def heads(runs, **how):
        options = HeadsOptions(rank="both")
        asked = {"control": few, "batch_tokens": 128, **how}
        return run_heads(Place(tmp_path / runs), source, probe.result, options, **asked)

    tables = ("deltas.parquet", "contributions.parquet", "control_deltas.parquet")
    assert_same(heads("one"), heads("two", workers=two), "heads.json", *tables)


def test_retrieval_has_the_same_scores(lent, two, source, few, samples, tmp_path, monkeypatch):
    # The documents of a real probe do not fit this model, so these take their place.
    rows = [replace(sample, row={**sample.row, "n_pairs": 1}) for sample in samples]

    def probe(model, texts, options):
        return [RetrievalSample(row, render(row, model.tokenizer), range(2, 9)) for row in rows]

    monkeypatch.setattr(retrieve, "retrieval_probe", probe)
    monkeypatch.setattr(retrieve, "PART_SAMPLES", 2)

    def retrieval(runs, **how):
        asked = {"text": few, "batch_tokens": 128, **how}
        return run_retrieval(Place(tmp_path / runs), source, RetrievalOptions(n=6), **asked)

    one, other = retrieval("one"), retrieval("two", workers=two)
    assert_same(one, other, "heads.json", "deltas.parquet", "samples.jsonl")


def test_a_run_interrupted_with_its_workers_goes_on_from_the_finished_parts(
    checkpoint, source, data, heads_path, alone, tmp_path
):
    process = start_score(
        *("--model", checkpoint("llama"), "--device", "cpu", "--data", *data),
        *("--heads", heads_path, "--method", "air", "--batch-tokens", 256),
        *("--runs", tmp_path, "--workers", 2),
    )
    wait_for(process, lambda: list(tmp_path.glob("*/parts/0*.parquet")))
    family = psutil.Process(process.pid).children()
    started = [child for child in family if "spawn_main" in " ".join(child.cmdline())]
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130, said
    assert "Interrupted. Run the same command again" in said
    assert "Traceback" not in said
    assert len(started) == 2
    assert not any(child.is_running() for child in started)
    (left,) = list_runs(tmp_path)
    parts = {path: path.stat().st_mtime_ns for path in (left.path / "parts").iterdir()}
    resumed = run_score(Place(tmp_path), source, data, AIR, heads_path=heads_path)
    assert parts == {path: path.stat().st_mtime_ns for path in parts}
    for name in FILES:
        assert (resumed.run / name).read_bytes() == (alone.run / name).read_bytes(), name


def test_workers_are_in_the_plan_and_not_in_the_name(source, few, heads_path):
    def plan(**how):
        asked = WorkerOptions(**how)
        return plan_score(source, few, AIR, heads_path=heads_path, workers=asked)

    assert "workers" not in plan()
    told = plan(workers=4)
    of_workers = told["workers"]
    assert (of_workers["backend"], of_workers["n"]) == ("local", 4)
    assert of_workers["threads"] >= 1
    assert of_workers["estimated_seconds"] == round(told["estimated_seconds"] / 4, 1)
    assert plan(backend="ray")["workers"]["n"] is None


@pytest.mark.parametrize("method", ["race", "screen"])
def test_a_race_has_no_workers(method, source, tmp_path):
    asked = HeadsOptions(method=method), WorkerOptions(workers=2)
    with pytest.raises(InputError, match=f"the method {method}, whose next piece of work follows"):
        run_heads(Place(tmp_path), source, tmp_path / "probe.json", asked[0], workers=asked[1])


def test_an_address_goes_with_ray_alone():
    with pytest.raises(InputError, match="the backend is local; pass --backend ray"):
        WorkerOptions(address="auto")


def test_a_device_of_its_own_is_for_ray_to_give(checkpoint, few, tmp_path):
    source = ModelSource(str(checkpoint("llama")), device="cuda:1")
    asked = WorkerOptions("ray", workers=1)
    with pytest.raises(InputError, match="the device is 'cuda:1' and the backend ray"):
        run_score(Place(tmp_path), source, few, ScoreRequest.of("loss"), workers=asked)


def test_other_packages_or_files_on_a_worker_are_refused(source, checkpoint):
    opening = EngineOpening(source)
    with pytest.raises(InputError, match=r"a worker has other versions .*torch"):
        replace(opening, versions={**opening.versions, "torch": "0.1"})()
    other = ModelSource(str(checkpoint("llama")), device="cpu")
    other.fingerprint()
    other._files["weights_sha256"] = "0" * 64
    with pytest.raises(InputError, match="weights_sha256"):
        EngineOpening(other)()
