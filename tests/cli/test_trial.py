"""`workbench trial` in the terminal: the plan, the object for scripts, and what it refuses."""

from __future__ import annotations

import json

import pytest

from tests.cli.test_bad_input import assert_refused
from tests.trial.made import Made, rows_of

pytest.importorskip("trl", reason="needs the extra `train`")


@pytest.fixture(scope="module")
def pool(checkpoint, tmp_path_factory):
    return Made(tmp_path_factory.mktemp("cli-trial"), checkpoint("llama"))


@pytest.fixture
def trial(workbench, pool):
    """`workbench trial` of two selections on the tiny model; what is passed comes on top."""
    one, other = (pool.selection(policy, n=4).parent.name for policy in ("top", "bottom"))
    held_out = pool.eval_file("eval.jsonl", rows_of(4, first=50))

    def call(*more):
        return workbench(
            *("trial", "--model", pool.source.name, "--device", "cpu", "--eval", held_out),
            *("--selections", one, other, "--runs", pool.place.runs),
            *("--seeds", 1, "--tokens", 150, "--lr", "1e-3", *more),
        )

    return call


def test_the_plan_says_what_would_be_trained_and_writes_nothing(trial, pool):
    before = sorted(path.name for path in pool.place.runs.iterdir())
    plan = json.loads(trial("--explain").out)
    # Random, the whole pool, and two selections with their lengths.
    assert plan["trainings"] == 6
    assert plan["read"]["rows"] > 0
    assert plan["forward_passes"] == plan["backward_passes"] == 6 * plan["steps"]
    assert plan["tokens_an_arm"] == 150
    assert plan["estimated_seconds"] > 0
    assert before == sorted(path.name for path in pool.place.runs.iterdir())


def test_one_object_for_scripts_then_words_for_people(trial):
    answer = json.loads(trial("--json").out)
    assert answer["result"].endswith("report.json")
    assert answer["status"] == "finished"
    assert len(answer["trial"]["arms"]) == 6
    shown = trial()
    assert shown.code == 0, shown.err
    for words in ("1 training an arm, 150 tokens", "whole pool", "random rows", "before"):
        assert words in shown.out
    assert shown.out.splitlines()[-1].endswith("report.json (a finished run answered)")


def test_what_cannot_be_is_one_sentence(trial, pool, tmp_path):
    assert_refused(trial("--eval", tmp_path / "none.jsonl"), "none.jsonl")
    assert_refused(trial("--dtype", "float16"), "float16", "pass --dtype bfloat16")
    assert_refused(trial("--max-length", 3), "none of the rows of a selection can be trained on")
    assert_refused(trial("--selections", "nowhere"), "'nowhere' is no file, folder or run")
