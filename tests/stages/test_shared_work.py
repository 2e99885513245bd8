"""Probes, heads and retrieval by several processes are those of one, byte for byte."""

from __future__ import annotations

import pytest

from tests.support.spread import write_rows
from workbench.errors import InputError
from workbench.options import (
    HeadsOptions,
    ProbeOptions,
    RetrievalOptions,
    WorkerOptions,
)
from workbench.runs import read_manifest
from workbench.stages import ModelSource, Place, run_heads, run_probe, run_retrieval
from workbench.stages import engine as stage_engine

TWO = WorkerOptions(workers=2)


@pytest.fixture(scope="module")
def source(checkpoint) -> ModelSource:
    return ModelSource(str(checkpoint("llama")), device="cpu")


@pytest.fixture(scope="module")
def one_crew(source):
    """Two workers for all tests of this file: what takes long is to start them."""
    opening = stage_engine.EngineOpening(source)
    with stage_engine.open_engines(opening, TWO) as engines:
        yield engines._crew


@pytest.fixture
def by_two(one_crew, monkeypatch):
    """Workers that are asked for are those that run already."""

    class Lent:
        def __init__(self, *_: object, **__: object) -> None:
            """Takes what a crew takes."""

        def __enter__(self):
            return one_crew

        def __exit__(self, *_: object) -> None:
            """They go on for the next test."""

    monkeypatch.setattr(stage_engine, "Crew", Lent)


def same_files(one, other, *names: str) -> None:
    for name in names:
        assert (one.run / name).read_bytes() == (other.run / name).read_bytes(), name
    told = read_manifest(other.run)["details"]["workers"]
    assert told == {"backend": "local", "n": 2, "lost": []}
    assert "workers" not in read_manifest(one.run)["details"]
    assert one.run.name == other.run.name


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    return [str(write_rows(tmp_path_factory.mktemp("pool") / "pool.jsonl", 60))]


@pytest.fixture(scope="module")
def probe(source, pool, tmp_path_factory):
    place = Place(tmp_path_factory.mktemp("probe"))
    return run_probe(place, source, pool, ProbeOptions(n=8), batch_tokens=128)


def test_a_probe_is_of_the_same_losses(source, pool, probe, by_two, tmp_path):
    place = Place(tmp_path)
    other = run_probe(place, source, pool, ProbeOptions(n=8), batch_tokens=128, workers=TWO)
    same_files(probe, other, "probe.json", "probe.jsonl")


@pytest.mark.parametrize("options", [HeadsOptions(), HeadsOptions(rank="both")], ids=str)
def test_heads_have_the_same_deltas(source, pool, probe, options, by_two, tmp_path):
    def heads(runs, **how):
        control = pool if options.rank == "both" else ()
        asked = {"control": control, "batch_tokens": 128, **how}
        return run_heads(Place(tmp_path / runs), source, probe.result, options, **asked)

    series = ["contributions.parquet", "control_deltas.parquet"] if options.rank == "both" else []
    same_files(heads("one"), heads("two", workers=TWO), "heads.json", "deltas.parquet", *series)


def test_retrieval_has_the_same_scores(source, by_two, tmp_path):
    options = RetrievalOptions(n=70, n_shots=0, key_length=8, limit=90)

    def retrieval(runs, **how):
        return run_retrieval(Place(tmp_path / runs), source, options, batch_tokens=512, **how)

    one, two = retrieval("one"), retrieval("two", workers=TWO)
    same_files(one, two, "heads.json", "deltas.parquet", "samples.jsonl")


@pytest.mark.parametrize("method", ["race", "screen"])
def test_a_race_has_no_workers(method, source, probe, tmp_path):
    with pytest.raises(InputError, match=f"the method {method}, whose next piece of work follows"):
        run_heads(Place(tmp_path), source, probe.result, HeadsOptions(method=method), workers=TWO)
