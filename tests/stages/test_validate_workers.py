"""A validation that workers share out has the bytes of one process, and goes on from its parts."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from tests.support.head_scores import write_circuit
from tests.support.planted_pair import pair_rows, write_pair
from workbench.options import ValidateOptions, WorkerOptions
from workbench.runs import Run, read_manifest
from workbench.stages import ModelSource, Place, plan_validate, run_validate

# Under the mean every worker needs a pass over the reference.
FEW = ValidateOptions(n=8, random=3, decode_n=3, curve_n=3, control_n=3, ablation="mean")
FILES = ("validation.json", "validation.html")
BATCH_TOKENS = 24


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """The model, its heads, and rows to hold them against."""
    home = tmp_path_factory.mktemp("shared")
    for name, seed in (("data", 0), ("text", 1)):
        lines = "".join(json.dumps(row) + "\n" for row in pair_rows(10, seed=seed))
        (home / f"{name}.jsonl").write_text(lines)
    source = ModelSource(str(write_pair(home / "model")), device="cpu")
    heads = write_circuit(home / "heads.json", source.load().info, 1)
    return SimpleNamespace(
        source=source,
        where=(source, heads, [str(home / "data.jsonl")], FEW),
        how={"control": [str(home / "text.jsonl")], "batch_tokens": BATCH_TOKENS},
    )


@pytest.fixture(scope="module")
def alone(asked, tmp_path_factory):
    return run_validate(Place(tmp_path_factory.mktemp("alone")), *asked.where, **asked.how)


def parts(outcome) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in (outcome.run / "parts").iterdir()}


@pytest.mark.parametrize("backend", ["local", "ray"])
def test_two_workers_write_the_bytes_of_one_process(backend, asked, alone, tmp_path):
    said, two = [], WorkerOptions(backend, workers=2)
    place = Place(tmp_path, lambda *progress: said.append(progress))
    shared = run_validate(place, *asked.where, **asked.how, workers=two)
    assert shared.run.name == alone.run.name
    for name in FILES:
        assert (shared.run / name).read_bytes() == (alone.run / name).read_bytes(), name
    assert parts(shared).keys() == parts(alone).keys()
    assert (4, 4, "8 sets on 2 samples") in said
    told = read_manifest(shared.run)["details"]["workers"]
    assert told == {"backend": backend, "n": 2, "lost": []}


def test_interrupted_it_goes_on_from_the_finished_pieces(asked, alone, tmp_path, monkeypatch):
    write_part, n_parts = Run.write_part, len(parts(alone))

    def stop_in_the_curve(self, index, table, *, series=""):
        if series == "curve":
            raise KeyboardInterrupt
        write_part(self, index, table, series=series)

    monkeypatch.setattr(Run, "write_part", stop_in_the_curve)
    with pytest.raises(KeyboardInterrupt):
        run_validate(Place(tmp_path), *asked.where, **asked.how)
    monkeypatch.setattr(Run, "write_part", write_part)
    (folder,) = tmp_path.iterdir()
    before = parts(SimpleNamespace(run=folder))
    assert n_parts > len(before) >= 4 + 2 + 4 + 1
    resumed = run_validate(Place(tmp_path), *asked.where, **asked.how)
    assert not resumed.reused
    assert before.items() <= parts(resumed).items()
    for name in FILES:
        assert (resumed.run / name).read_bytes() == (alone.run / name).read_bytes(), name


def test_pieces_of_other_batches_are_of_another_run(asked, alone):
    other = run_validate(Place(alone.run.parent), *asked.where, **asked.how | {"batch_tokens": 99})
    assert not other.reused
    assert len(parts(other)) < len(parts(alone))


def test_workers_are_in_the_plan(asked):
    told = plan_validate(*asked.where, **asked.how, workers=WorkerOptions(workers=4))
    assert (told["workers"]["backend"], told["workers"]["n"]) == ("local", 4)
    assert told["workers"]["estimated_seconds"] <= told["estimated_seconds"]
