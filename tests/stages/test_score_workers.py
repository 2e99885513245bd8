"""Scores by several processes are those of one, byte for byte, whoever of them is killed."""

from __future__ import annotations

import signal
from dataclasses import replace
from functools import partial
from pathlib import Path

import psutil
import pytest

from tests.support.head_scores import write_circuit
from tests.support.spread import start_score, wait_for, write_rows
from workbench.circuits import circuit_of, read_heads
from workbench.data import read_samples
from workbench.errors import InputError
from workbench.options import RECOGNISED, WorkerOptions
from workbench.runs import list_runs, read_manifest
from workbench.scoring import SCORERS, SHARD_ROWS, ScoreRequest
from workbench.stages import ModelSource, Place, plan_score, run_score
from workbench.stages.engine import EngineOpening, open_engines
from workbench.stages.score import _part

N_ROWS = 3 * SHARD_ROWS + 40
OPTIONS = ScoreRequest.of("circuitseer", variant="excess", batch_tokens=64)
TWO = WorkerOptions(workers=2)


@pytest.fixture(scope="module")
def heads_path(tiny_model, tmp_path_factory) -> Path:
    return write_circuit(tmp_path_factory.mktemp("heads") / "heads.json", tiny_model.info, 1)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_rows(tmp_path_factory.mktemp("data") / "pool.jsonl", N_ROWS)


@pytest.fixture(scope="module")
def source(checkpoint) -> ModelSource:
    return ModelSource(str(checkpoint("llama")), device="cpu")


@pytest.fixture(scope="module")
def alone(source, data, heads_path, tmp_path_factory):
    place = Place(tmp_path_factory.mktemp("alone"))
    return run_score(place, source, [str(data)], OPTIONS, heads_path=heads_path)


@pytest.fixture(scope="module")
def engines(source):
    """Two processes that hold the model, and this one's engine for what they are held against."""
    opening = EngineOpening(source)
    with open_engines(opening, TWO) as several:
        yield several, opening()


@pytest.mark.parametrize("method", SCORERS)
def test_a_part_has_the_same_bytes_whoever_scores_it(method, engines, data, heads_path):
    several, engine = engines
    rows = list(read_samples([str(data)], RECOGNISED))[:36]
    request = ScoreRequest.of(method, batch_tokens=64)
    circuit = circuit_of(read_heads(heads_path))
    works = [partial(_part, rows[i : i + 12], request, circuit) for i in range(0, 36, 12)]
    found = dict(several.results(enumerate(works)))
    expected = dict(enumerate(work(engine) for work in works))
    assert sorted(found) == [0, 1, 2]
    for number, tables in found.items():
        for table, same in zip(tables, expected[number], strict=True):
            assert (table is None) == (same is None)
            assert table is None or table.equals(same)


def test_what_a_run_keeps_of_a_model_is_the_same(engines):
    several, engine = engines
    assert several.info == engine.model.info
    assert several.facts == engine.facts
    assert several.batch_tokens() <= 2048


def test_a_worker_killed_in_the_middle_loses_nothing(checkpoint, data, heads_path, alone, tmp_path):
    process = start_score(
        *("--model", checkpoint("llama"), "--device", "cpu", "--data", data, "--heads", heads_path),
        *("--variant", "excess", "--batch-tokens", 64, "--runs", tmp_path, "--workers", 2),
    )
    wait_for(process, lambda: list(tmp_path.glob("*/parts/*.parquet")))
    workers = [child for child in psutil.Process(process.pid).children() if is_worker(child)]
    assert len(workers) == 2
    workers[0].kill()
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    (run,) = list_runs(tmp_path)
    assert run.name == alone.run.name
    assert (run.path / "scores.parquet").read_bytes() == alone.result.read_bytes()
    assert (run.path / "summary.json").read_bytes() == (alone.run / "summary.json").read_bytes()
    told = read_manifest(run.path)["details"]["workers"]
    assert (told["backend"], told["n"], len(told["lost"])) == ("local", 2, 1)
    assert "1 workers lost" in said


def is_worker(process: psutil.Process) -> bool:
    return "spawn_main" in " ".join(process.cmdline())


def test_a_run_ended_with_its_workers_goes_on_from_the_finished_parts(
    checkpoint, source, data, heads_path, alone, tmp_path
):
    process = start_score(
        *("--model", checkpoint("llama"), "--device", "cpu", "--data", data, "--heads", heads_path),
        *("--variant", "excess", "--batch-tokens", 64, "--runs", tmp_path, "--workers", 2),
    )
    wait_for(process, lambda: list(tmp_path.glob("*/parts/*.parquet")))
    workers = [child for child in psutil.Process(process.pid).children() if is_worker(child)]
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Interrupted. Run the same command again" in said
    assert "Traceback" not in said
    assert not any(worker.is_running() for worker in workers)
    (left,) = list_runs(tmp_path)
    parts = {path: path.stat().st_mtime_ns for path in (left.path / "parts").iterdir()}
    resumed = run_score(Place(tmp_path), source, [str(data)], OPTIONS, heads_path=heads_path)
    assert resumed.result.read_bytes() == alone.result.read_bytes()
    assert parts == {path: path.stat().st_mtime_ns for path in parts}


def test_workers_are_in_the_plan_and_not_in_the_name(source, data, heads_path):
    def plan(**how):
        asked = WorkerOptions(**how)
        return plan_score(source, [str(data)], OPTIONS, heads_path=heads_path, workers=asked)

    assert "workers" not in plan()
    told = plan(workers=4)
    assert (told["workers"]["backend"], told["workers"]["n"]) == ("local", 4)
    assert told["workers"]["threads"] == 1
    assert told["workers"]["estimated_seconds"] == round(told["estimated_seconds"] / 4, 1)
    assert plan(backend="ray")["workers"]["n"] is None


def test_an_address_goes_with_ray_alone():
    with pytest.raises(InputError, match="the backend is local; pass --backend ray"):
        WorkerOptions(address="auto")


def test_files_that_are_others_on_a_worker_are_refused(source, engines, tmp_path):
    other = replace(EngineOpening(source), versions={"torch": "0.1"})
    with pytest.raises(InputError, match=r"a worker has other versions .*torch"):
        other()
