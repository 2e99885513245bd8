"""Scoring is interrupted in every way, and its result does not show it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.support.head_scores import write_circuit
from workbench.runs import list_runs, read_manifest
from workbench.scoring import SHARD_ROWS, ScoreRequest
from workbench.stages import ModelSource, Place, run_score

ROOT = Path(__file__).resolve().parents[2]
N_ROWS = 2600
# Small batches make a shard last: a run must still be working when the signal reaches it.
OPTIONS = ScoreRequest.of("circuitseer", variant="excess", batch_tokens=64)
PATIENCE = 120


def write_rows(path: Path, n_rows: int, *, first: int = 0) -> Path:
    """Short rows of different lengths, one of them broken and one too long for the model."""
    lines = [
        json.dumps({"id": f"row-{i}", "text": f"{i} and {i * i % 89} make " + "?" * (i % 11)})
        for i in range(first, first + n_rows)
    ]
    lines[n_rows // 3] = '{"text": '
    lines[n_rows // 2] = json.dumps({"id": "long", "text": "long " * 40})
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def heads_path(tiny_model, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("heads") / "heads.json"
    return write_circuit(path, tiny_model.info, 1)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    return write_rows(tmp_path_factory.mktemp("data") / "pool.jsonl", N_ROWS)


@pytest.fixture(scope="module")
def source(checkpoint) -> ModelSource:
    return ModelSource(str(checkpoint("llama")), device="cpu")


@pytest.fixture(scope="module")
def uninterrupted(source, data, heads_path, tmp_path_factory):
    place = Place(tmp_path_factory.mktemp("uninterrupted"))
    return run_score(place, source, [str(data)], OPTIONS, heads_path=heads_path)


def start(checkpoint: Path, data: Path, heads_path: Path, runs: Path) -> subprocess.Popen:
    command = [
        *(sys.executable, "-m", "workbench.cli.main", "score", "--model", str(checkpoint)),
        *("--data", str(data), "--heads", str(heads_path), "--runs", str(runs)),
        *("--variant", "excess", "--batch-tokens", "64", "--device", "cpu"),
    ]
    # Sums may be taken in another order by another number of threads.
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=ROOT, env=environment, text=True, **pipes)


def wait_for(process: subprocess.Popen, runs: Path, pattern: str) -> None:
    """Until a file appears that tells how far the work has come."""
    deadline = time.monotonic() + PATIENCE
    while not list(runs.glob(pattern)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, f"{pattern} has not appeared"
        time.sleep(0.002)


@pytest.mark.parametrize(
    ("blow", "when", "code"),
    [
        (signal.SIGKILL, "*/manifest.json", -signal.SIGKILL),
        (signal.SIGKILL, "*/parts/00001.parquet", -signal.SIGKILL),
        (signal.SIGINT, "*/parts/00000.parquet", 130),
    ],
    ids=["killed before any part", "killed in the middle", "interrupted in the middle"],
)
def test_an_interrupted_run_goes_on_to_the_same_bytes(
    blow, when, code, checkpoint, source, data, heads_path, uninterrupted, tmp_path
):
    process = start(checkpoint("llama"), data, heads_path, tmp_path)
    wait_for(process, tmp_path, when)
    process.send_signal(blow)
    stdout, stderr = process.communicate(timeout=PATIENCE)
    assert process.returncode == code, stderr
    assert stdout == ""
    if code == 130:
        assert "Interrupted. Run the same command again" in stderr
        assert "Traceback" not in stderr
    (left,) = list_runs(tmp_path)
    assert left.name == uninterrupted.run.name
    assert left.status == "interrupted"
    parts = sorted(path.name for path in (left.path / "parts").glob("*.parquet"))
    written = {name: (left.path / "parts" / name).stat().st_mtime_ns for name in parts}
    assert len(parts) < -(-N_ROWS // SHARD_ROWS)
    assert bool(parts) == ("parts" in when)

    place = Place(tmp_path)
    resumed = run_score(place, source, [str(data)], OPTIONS, heads_path=heads_path)
    assert not resumed.reused
    assert resumed.result.read_bytes() == uninterrupted.result.read_bytes()
    assert resumed.summary == uninterrupted.summary
    for name, mtime in written.items():
        assert (left.path / "parts" / name).stat().st_mtime_ns == mtime, (
            "a finished part was redone"
        )


def test_the_run_says_which_heads_it_read_and_which_of_them_are_idle(uninterrupted):
    details = read_manifest(uninterrupted.run)["details"]
    assert (details["circuit"], details["idle"]) == (["0.1", "1.0"], ["1.0"])


def test_every_row_is_counted_by_its_status(uninterrupted):
    counts = uninterrupted.summary["counts"]
    assert counts == {"malformed": 1, "ok": N_ROWS - 2, "truncated": 1}
    assert json.loads((uninterrupted.run / "manifest.json").read_text())["counts"] == counts
    assert len(list((uninterrupted.run / "parts").iterdir())) == -(-N_ROWS // SHARD_ROWS)


class Unloadable(ModelSource):
    def load(self):
        raise AssertionError("a finished run needs no model")


def test_a_finished_run_answers_without_loading_the_model(
    checkpoint, data, heads_path, uninterrupted
):
    place = Place(uninterrupted.run.parent)
    source = Unloadable(str(checkpoint("llama")), device="cpu")
    before = {path: path.stat().st_mtime_ns for path in uninterrupted.run.rglob("*")}
    again = run_score(place, source, [str(data)], OPTIONS, heads_path=heads_path)
    assert again.reused
    assert not uninterrupted.reused
    assert (again.result, again.summary) == (uninterrupted.result, uninterrupted.summary)
    assert before == {path: path.stat().st_mtime_ns for path in uninterrupted.run.rglob("*")}


def test_other_data_or_options_make_another_run(source, tmp_path):
    place, data = Place(tmp_path / "runs"), write_rows(tmp_path / "a.jsonl", 10)
    first = run_score(place, source, [str(data)], ScoreRequest.of("length"))
    names = {first.run.name}
    names.add(run_score(place, source, [str(data)], ScoreRequest.of("length", seed=1)).run.name)
    names.add(run_score(place, source, [str(data)], ScoreRequest.of("random")).run.name)
    write_rows(data, 10, first=1)
    changed = run_score(place, source, [str(data)], ScoreRequest.of("length"))
    assert not changed.reused
    assert changed.run.name not in names
    assert len(names) == 3


def test_the_same_data_in_another_folder_is_the_same_run(source, tmp_path):
    place = Place(tmp_path / "runs")
    copies = []
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
        copies.append(write_rows(tmp_path / name / "rows.jsonl", 10))
    first, second = (run_score(place, source, [str(c)], ScoreRequest.of("length")) for c in copies)
    assert second.reused
    assert second.run == first.run
