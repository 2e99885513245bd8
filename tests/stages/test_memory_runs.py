"""What a run records of memory: the size of its batches, and what did not fit."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from tests.support.scarce import refused_by_the_system, room_for
from workbench.runs import read_manifest
from workbench.scoring import ScoreRequest
from workbench.stages import ModelSource, Place, run_score

HOOKED = ScoreRequest.of("loss", engine="hooked")


@pytest.fixture
def source(checkpoint):
    return ModelSource(str(checkpoint("llama")), device="cpu")


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "rows.jsonl"
    rows = [{"id": f"row-{i}", "text": f"{i} and {i * i}."} for i in range(40)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return [str(path)]


def test_halved_batches_are_recorded_and_scores_stay(source, data, tmp_path):
    expected = run_score(Place(tmp_path / "enough"), source, data, HOOKED)
    assert "out_of_memory" not in read_manifest(expected.run)["details"]
    told = []
    place = Place(tmp_path / "scarce", lambda done, total, text: told.append(text))
    with room_for(source.load(), 64, refused_by_the_system):
        found = run_score(place, source, data, HOOKED)
    assert found.run.name == expected.run.name
    (halving, *_) = read_manifest(found.run)["details"]["out_of_memory"]
    assert halving["tried"] > 64
    assert "allocate" in halving["reason"]
    assert "halved to" in told[-1]
    assert "halved to" in (found.run / "events.jsonl").read_text(encoding="utf-8")
    scores, others = (pd.read_parquet(run.result)["score"] for run in (found, expected))
    np.testing.assert_allclose(scores, others, atol=1e-6)


def test_a_resumed_run_keeps_the_batches_it_began_with(source, data, tmp_path, monkeypatch):
    run = run_score(Place(tmp_path), source, data, HOOKED)
    kept = json.loads((run.run / "batches.json").read_text(encoding="utf-8"))["batch_tokens"]
    assert read_manifest(run.run)["details"]["batch_tokens"] == kept
    before = run.result.read_bytes()
    run.result.unlink()
    for part in (run.run / "parts").iterdir():
        part.unlink()
    monkeypatch.setattr("workbench.engines.budget.free_bytes", lambda device: 0)
    again = run_score(Place(tmp_path), source, data, HOOKED)
    assert not again.reused
    assert again.result.read_bytes() == before
    assert read_manifest(again.run)["details"]["batch_tokens"] == kept
