"""Retrieval heads as a run: resumed equals fresh, and its samples can be validated on."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import workbench.stages.retrieve as stage
from workbench.circuits import RetrievalOptions, read_heads, retrieval_probe, retrieval_scores
from workbench.data import read_samples
from workbench.engines import choose_engine
from workbench.runs import Run
from workbench.stages import (
    ModelSource,
    Place,
    ValidateOptions,
    plan_retrieval,
    run_retrieval,
    run_validate,
)

OPTIONS = RetrievalOptions(n=5, n_shots=1, key_length=6, limit=150, fraction=0.1, min_heads=2)


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "text.jsonl"
    sentences = [f"He was in the {word}." for word in ("house", "sea", "town", "field", "garden")]
    path.write_text(json.dumps({"id": "a", "text": " ".join(sentences)}) + "\n", encoding="utf-8")
    return str(path)


@pytest.fixture(scope="module")
def source():
    return ModelSource("math-tiny", device="cpu")


@pytest.fixture(scope="module")
def found(source, texts, tmp_path_factory):
    place = Place(tmp_path_factory.mktemp("runs"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage, "PART_SAMPLES", 2)
        return place, run_retrieval(place, source, OPTIONS, text=[texts])


def test_the_heads_file_holds_every_heads_retrieval_score(found, source, texts):
    _, outcome = found
    heads = read_heads(outcome.result)
    content = [sample.text for sample in read_samples([texts])]
    probe = retrieval_probe(source.load(), content, OPTIONS)
    measured = retrieval_scores(choose_engine(source.load()), probe)
    assert heads.method == "retrieval"
    scores = measured.scores.mean(axis=0)
    assert [h.delta for h in heads.heads] == pytest.approx(scores.ravel().tolist())
    assert all(h.ci_low <= h.delta <= h.ci_high for h in heads.heads)
    assert sum(h.selected for h in heads.heads) == 3
    assert heads.base_loss == pytest.approx(measured.base_loss.mean(), abs=1e-5)
    assert heads.n_samples == 5
    assert heads.probe["accuracy"] == measured.exact.mean()
    assert heads.probe["n_shots"] == 1
    table = pd.read_parquet(outcome.run / "deltas.parquet")
    assert np.allclose(table["deltas"].tolist(), measured.scores.reshape(5, -1))


def test_interrupted_it_goes_on_to_the_same_bytes(found, source, texts, monkeypatch, tmp_path):
    _, whole = found
    monkeypatch.setattr(stage, "PART_SAMPLES", 2)
    write_part = Run.write_part

    def write_one(self, index, table):
        if index == 1:
            raise KeyboardInterrupt
        write_part(self, index, table)

    monkeypatch.setattr(Run, "write_part", write_one)
    with pytest.raises(KeyboardInterrupt):
        run_retrieval(Place(tmp_path), source, OPTIONS, text=[texts])
    monkeypatch.setattr(Run, "write_part", write_part)
    resumed = run_retrieval(Place(tmp_path), source, OPTIONS, text=[texts])
    assert not resumed.reused
    assert resumed.result.read_bytes() == whole.result.read_bytes()
    assert run_retrieval(Place(tmp_path), source, OPTIONS, text=[texts]).reused


def test_the_plan_counts_the_batches_of_every_part(source, monkeypatch):
    whole = plan_retrieval(source, OPTIONS, batch_tokens=300)
    assert (whole["samples"], whole["batches"]) == (5, 3)
    monkeypatch.setattr(stage, "PART_SAMPLES", 1)
    assert plan_retrieval(source, OPTIONS, batch_tokens=300)["batches"] == 5


def test_its_samples_can_be_validated_on(found, source):
    place, outcome = found
    samples = str(outcome.run / "samples.jsonl")
    options = ValidateOptions(n=5, random=2)
    report = run_validate(place, source, outcome.result, [samples], options, control=())
    assert report.summary["n_samples"] == 5
    assert report.summary["base"]["loss"] == pytest.approx(outcome.summary["base_loss"], abs=1e-4)
    assert not report.summary["held_out"]
    assert report.summary["base"]["exact"] == outcome.summary["probe"]["accuracy"]
