"""A question is answered once: by its work, by what an earlier attempt left, by a finished run."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workbench.errors import InputError
from workbench.runs import (
    Finding,
    Place,
    RunSpec,
    answer,
    check_same_template,
    list_runs,
    read_manifest,
)
from workbench.types import ModelInfo

SPEC = RunSpec("heads-exact", {"seed": 0}, {"probe": "p"}, result_name="heads.json")
HALVED = {"kind": "positions of a batch", "tried": 64, "most": 32, "reason": "no room"}
FACTS = {"device": "cpu", "tokenizer_sha256": "t", "template": "chat", "template_sha256": "c"}


def model(*halvings: dict, **facts: str) -> SimpleNamespace:
    memory = SimpleNamespace(halvings=list(halvings))
    info = ModelInfo("tiny", None, "w", n_layers=2, n_heads=2)
    return SimpleNamespace(facts=FACTS | facts, memory=memory, info=info)


def kept(folder, name):
    return json.loads((folder / name).read_text(encoding="utf-8"))


def test_a_finished_run_answers_in_place_of_the_work(tmp_path):
    asked = []

    def work(task):
        asked.append(task.run.path.name)
        return Finding({"heads": [1]}, counts={"ok": 3})

    first, second = (answer(Place(tmp_path), SPEC, work) for _ in range(2))
    assert asked == [SPEC.name]
    assert (first.reused, second.reused) == (False, True)
    assert (first.run, first.result) == (second.run, second.result)
    assert first.summary == second.summary == {"heads": [1]}
    assert read_manifest(first.run)["counts"] == {"ok": 3}


def test_a_table_is_a_result_and_the_summary_may_lie_beside_it(tmp_path):
    spec = RunSpec("select-top", {}, {"scores": "s"}, result_name="selection.parquet")

    def work(task):
        task.run.write_json("diagnostics.json", {"n": 2})
        return Finding(pa.table({"row_id": ["a", "b"]}), counts={"ok": 2})

    for reused in (False, True):
        outcome = answer(Place(tmp_path), spec, work, summary="diagnostics.json")
        assert outcome.reused is reused
        assert outcome.summary == {"n": 2}
    assert pq.read_table(outcome.result).to_pydict() == {"row_id": ["a", "b"]}


def test_work_that_failed_goes_on_with_what_it_had_measured(tmp_path):
    measured = []

    def measure(name):
        measured.append(name)
        return {"loss": len(measured)}

    def work(task, *, fails):
        task.run.path.joinpath("checkpoint").write_text("half")
        first = task.once("a.json", lambda: measure("a"))
        if fails:
            raise KeyError("row")
        return Finding({"a": first, "b": task.once("b.json", lambda: measure("b"))}, counts={})

    scratch = ("checkpoint",)
    with pytest.raises(KeyError):
        answer(Place(tmp_path), SPEC, lambda task: work(task, fails=True), scratch=scratch)
    (failed,) = list_runs(tmp_path)
    assert failed.reason == "KeyError: 'row'"
    assert (failed.path / "checkpoint").is_file()
    done = answer(Place(tmp_path), SPEC, lambda task: work(task, fails=False), scratch=scratch)
    assert measured == ["a", "b"]
    assert done.summary == {"a": {"loss": 1}, "b": {"loss": 2}}
    assert not (done.run / "checkpoint").exists()


def test_progress_is_told_to_the_run_and_to_whoever_watches(tmp_path):
    told = []

    def work(task):
        task.progress()(1, 2, "half")
        task.progress(model())(2, 2, "all")
        return Finding({}, counts={})

    done = answer(Place(tmp_path, lambda *event: told.append(event)), SPEC, work)
    assert told == [(1, 2, "half"), (2, 2, "all")]
    events = [json.loads(line) for line in (done.run / "events.jsonl").read_text().splitlines()]
    assert [(event["done"], event["total"], event["message"]) for event in events] == told
    assert "out_of_memory" not in read_manifest(done.run)["details"]


def test_a_halved_batch_is_told_and_listed_in_the_manifest(tmp_path):
    told = []

    def work(task):
        small = model()
        tell = task.progress(small)
        tell(1, 2, "rows")
        small.memory.halvings.append(HALVED)
        tell(2, 2, "rows")
        return Finding({}, counts={}, model=small)

    done = answer(Place(tmp_path, lambda done, total, text: told.append(text)), SPEC, work)
    assert told == ["rows", "rows (out of memory, halved to 32 positions of a batch)"]
    assert read_manifest(done.run)["details"]["out_of_memory"] == [HALVED]
    assert kept(done.run, "model.json")["out_of_memory"] == [HALVED]


def test_a_resumed_run_keeps_the_budget_it_began_with(tmp_path):
    found = []

    def work(task, free):
        found.append(task.budget(None, lambda: free))
        if free == 64:
            raise KeyboardInterrupt
        return Finding({}, counts={})

    with pytest.raises(KeyboardInterrupt):
        answer(Place(tmp_path), SPEC, lambda task: work(task, 64))
    done = answer(Place(tmp_path), SPEC, lambda task: work(task, 4096))
    assert found == [64, 64]
    assert kept(done.run, "batches.json") == {"batch_tokens": 64}
    assert read_manifest(done.run)["details"]["batch_tokens"] == 64


def test_a_budget_that_is_asked_for_is_taken_as_it_is(tmp_path):
    def work(task):
        assert task.budget(128, lambda: 1) == 128
        return Finding({}, counts={})

    assert not (answer(Place(tmp_path), SPEC, work).run / "batches.json").exists()


def test_the_facts_of_the_model_are_kept_where_there_is_one(tmp_path):
    found = answer(Place(tmp_path / "with"), SPEC, lambda task: Finding({}, {}, model=model()))
    assert kept(found.run, "model.json") == FACTS
    tokens = read_manifest(found.run)["details"]["tokens"]
    assert tokens == {name: FACTS[name] for name in FACTS if name != "device"}
    without = answer(Place(tmp_path / "without"), SPEC, lambda task: Finding({}, {}))
    assert not (without.run / "model.json").exists()


def test_rows_of_one_template_are_refused_under_another(tmp_path):
    block = {"id": "tiny", "weights_sha256": "w"}
    spec = RunSpec("heads-exact", {}, {"model": "w"}, result_name="heads.json", model=block)
    found = answer(Place(tmp_path), spec, lambda task: Finding({}, {}, model=model()))
    check_same_template(found.run, model())
    check_same_template(tmp_path, model(template_sha256="other"))
    with pytest.raises(InputError, match=r"template 'chat' and these are with 'none'.*--temp"):
        check_same_template(found.run, model(template="none", template_sha256="n"))
    other = model(template_sha256="n")
    other.info = ModelInfo("other", None, "v", n_layers=2, n_heads=2)
    check_same_template(found.run, other)
