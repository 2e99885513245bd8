"""Scores on a Ray cluster are those of one process, byte for byte, whatever is killed."""

from __future__ import annotations

import signal

import psutil
import pytest

from tests.support.head_scores import write_circuit
from tests.support.spread import start_score, wait_for, write_rows
from workbench.runs import list_runs, read_manifest
from workbench.scoring import SHARD_ROWS, ScoreRequest
from workbench.stages import ModelSource, Place, run_score

N_ROWS = 3 * SHARD_ROWS + 40
OPTIONS = ScoreRequest.of("air", batch_tokens=256)


@pytest.mark.slow
def test_a_killed_actor_loses_nothing_and_a_killed_driver_goes_on(checkpoint, tiny_model, tmp_path):
    heads_path = write_circuit(tmp_path / "heads.json", tiny_model.info, 1)
    data = write_rows(tmp_path / "pool.jsonl", N_ROWS)
    source = ModelSource(str(checkpoint("llama")), device="cpu")
    alone = run_score(
        Place(tmp_path / "alone"), source, [str(data)], OPTIONS, heads_path=heads_path
    )
    runs = tmp_path / "runs"
    command = (
        *("--model", source.name, "--device", "cpu", "--data", data, "--heads", heads_path),
        *("--method", "air", "--batch-tokens", 256, "--runs", runs),
        *("--backend", "ray", "--workers", 2, "--json"),
    )

    process = start_score(*command)
    wait_for(process, lambda: list(runs.glob("*/parts/00000.parquet")))
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate()
    _, left = psutil.wait_procs(family, timeout=60)
    assert left == []
    (begun,) = list_runs(runs)
    parts = {path: path.stat().st_mtime_ns for path in (begun.path / "parts").iterdir()}
    assert 0 < len(parts) < 8

    process = start_score(*command)
    wait_for(process, lambda: len(list(runs.glob("*/parts/*.parquet"))) > len(parts))
    held = [p for p in psutil.Process(process.pid).children(recursive=True) if is_actor(p)]
    assert len(held) == 2
    held[0].send_signal(signal.SIGKILL)
    out, said = process.communicate(timeout=240)
    assert process.returncode == 0, said
    assert out.startswith('{"run": ')
    assert out.count("\n") == 1
    (run,) = list_runs(runs)
    assert parts == {path: path.stat().st_mtime_ns for path in parts}
    for name in ("scores.parquet", "steps.parquet", "summary.json"):
        if (alone.run / name).is_file():
            assert (run.path / name).read_bytes() == (alone.run / name).read_bytes()
    told = read_manifest(run.path)["details"]["workers"]
    assert (told["backend"], told["n"]) == ("ray", 2)
    assert len(told["lost"]) <= 1


def is_actor(process: psutil.Process) -> bool:
    try:
        return "_Held" in " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return False
