"""`workbench tune` in the terminal: the plan, the object for scripts, and what it refuses."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from tests.cli.test_bad_input import assert_refused
from tests.tuning.exports import ROWS, steps_of_all, write_export, write_steps

pytest.importorskip("trl", reason="needs the extra `train`")


@pytest.fixture(scope="module")
def export(tmp_path_factory) -> Path:
    return write_export(tmp_path_factory.mktemp("export") / "subset")


@pytest.fixture
def tune(workbench, checkpoint, export, tmp_path):
    """`workbench tune` on the tiny model and the export; what is passed comes on top."""

    def call(*arguments: object, runs=tmp_path / "runs"):
        common = ("--model", checkpoint("llama"), "--device", "cpu", "--runs", runs)
        folder = () if "--export" in arguments else ("--export", export)
        return workbench("tune", *common, *folder, *arguments)

    return call


def test_the_plan_counts_steps_and_passes_and_writes_nothing(tune, tmp_path):
    done = tune("--explain", "--epochs", 2, "--batch-size", 2, "--accumulate", 2)
    assert done.code == 0, done.err
    plan = json.loads(done.out)
    assert (plan["samples"], plan["steps"]) == (8, 4)
    assert plan["forward_passes"] == plan["backward_passes"] == 8
    assert plan["estimated_seconds"] >= 0
    assert plan["training_mb"] == round(12 * plan["trained_parameters"] / 1e6)
    assert not (tmp_path / "runs").exists()
    adapters = json.loads(tune("--explain", "--lora", "--lora-rank", 2, "--epochs", 2).out)
    assert adapters["trained_parameters"] < plan["trained_parameters"]
    # Two passes over all rows, as wide as the longest: a token a byte, four of the template.
    longest = max(len(row["problem"]) + len(row["solution"]) for row in ROWS) + 4
    assert adapters["tokens"] == 2 * 8 * longest


def test_scripts_get_one_object_and_people_the_loss(tune, tmp_path, workbench):
    steps = write_steps(tmp_path / "steps.parquet", steps_of_all(2.0))
    request = ("--steps-file", steps, "--max-steps", 2, "--lr", 1e-3)
    done = tune(*request, "--json")
    assert done.code == 0, done.err
    (line,) = done.out.splitlines()
    answer = json.loads(line)
    assert answer["status"] == "finished"
    assert answer["reused"] is False
    assert Path(answer["result"]) == Path(answer["run"]) / "tuning.json"
    assert (Path(answer["model"]) / "config.json").is_file()
    assert answer["tuning"]["data"]["weights"] == "file"

    shown = tune(*request)
    assert shown.code == 0
    assert "rows of subset: 8 ok; " in shown.out
    assert "in 2 steps, token weights: as in the steps file" in shown.out
    assert f"workbench doctor --model {answer['model']}" in shown.out
    assert shown.out.splitlines()[-1].endswith("tuning.json (a finished run answered)")
    listed = json.loads(workbench("runs", "list", "--runs", tmp_path / "runs", "--json").out)
    assert [run["status"] for run in listed] == ["finished"]


def test_an_interrupted_tuning_ends_with_130(tune, monkeypatch):
    import workbench.stages.tune as stage

    def interrupt(*_arguments, **_options):
        raise KeyboardInterrupt

    monkeypatch.setattr(stage, "train", interrupt)
    done = tune("--max-steps", 2)
    assert done.code == 130
    assert "Run the same command again" in done.err


def test_an_export_that_is_none(tune, tmp_path, export):
    assert_refused(tune("--export", tmp_path / "nowhere"), "nowhere' does not exist", "--export")
    (tmp_path / "empty").mkdir()
    assert_refused(tune("--export", tmp_path / "empty"), "has no provenance.json", "export again")
    broken = write_export(tmp_path / "broken")
    (broken / "data.jsonl").write_text('{"problem": ', encoding="utf-8")
    assert_refused(tune("--export", broken), "is not the file that was exported", "sha256")


def test_an_export_without_completions(tune, tmp_path):
    rows = [{"id": f"t{i}", "text": f"only text {i}"} for i in range(3)]
    done = tune("--export", write_export(tmp_path / "texts", rows=rows))
    assert_refused(done, "none of the 3 rows", "it has no completion", "take rows with")


def test_steps_of_other_rows(tune, tmp_path):
    foreign = [{**step, "row_id": f"other-{step['row_id']}"} for step in steps_of_all()]
    done = tune("--steps-file", write_steps(tmp_path / "steps.parquet", foreign))
    assert_refused(done, "the steps file holds none of the 8 rows", "score --method air")
    done = tune("--steps-file", tmp_path / "nothing.parquet")
    assert_refused(done, "is no file, folder or run", "steps.parquet")
    (tmp_path / "text.parquet").write_text("nonsense")
    assert_refused(tune("--steps-file", tmp_path / "text.parquet"), "cannot be read as Parquet")


def test_columns_of_rows_to_measure_on_need_such_rows(tune):
    done = tune("--text-column", "body", "--explain")
    assert_refused(done, "text_column is given and no data to measure on", "--eval-data")


def test_settings_that_cannot_be(tune):
    assert_refused(tune("--weights", "softmax"), "needs the scores of steps; pass --steps-file")
    assert_refused(tune("--weights", "luck"), "'luck'", "top-fraction")
    assert_refused(tune("--schedule", "steps"), "'steps'", "cosine")
    assert_refused(tune("--lr", "nan"), "the lr is nan", "a finite number above 0")
    assert_refused(tune("--lr", "0"), "the lr is 0.0", "pass another --lr")
    assert_refused(tune("--epochs", 1, "--max-steps", 1), "epochs and max_steps are both given")
    assert_refused(tune("--device", "abacus"), "abacus")
    assert_refused(tune("--dtype", "float16"), "float16", "pass --dtype bfloat16")
    assert_refused(tune("--max-length", 3), "none of the 8 rows", "3 are allowed")


@pytest.mark.parametrize("explain", [(), ("--explain",)])
def test_a_missing_package_is_one_sentence(explain, tune, monkeypatch):
    monkeypatch.setitem(sys.modules, "trl", None)
    assert_refused(tune(*explain), "needs the package 'trl'", "circuit-workbench[train]")


def test_a_place_for_losses_that_is_not_installed_is_named(tune, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "trackio" else found(name)
    )
    refused = tune("--report-to", "trackio")
    assert refused.code == 2
    assert "losses are to go to trackio, which is not installed; pip install trackio" in refused.err
