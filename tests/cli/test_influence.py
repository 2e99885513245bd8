"""Retrieval heads, AttentionInfluence, AIR and IFD on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.cli.test_bad_input import assert_refused
from tests.support.planted import write_copier


@pytest.fixture
def score(workbench, checkpoint, made, sums):
    def call(*arguments: object, heads: bool = True):
        common = ("--model", checkpoint("llama"), "--device", "cpu", "--runs", made["runs"])
        found = ("--heads", made["heads"]) if heads else ()
        return workbench("score", *common, *found, "--data", sums, *arguments)

    return call


def test_air_writes_steps_beside_the_scores_and_says_so(score):
    done = score("--method", "air", "--weights", "softmax", "--temperature", 0.5, "--json")
    assert done.code == 0, done.err
    answer = json.loads(done.out)
    steps = pd.read_parquet(Path(answer["run"]) / "steps.parquet")
    assert answer["summary"]["steps"]["n"] == len(steps) == 24
    shown = score("--method", "air", "--weights", "softmax", "--temperature", 0.5).out
    assert "air over the completion: 24 ok" in shown
    assert "24 steps, weights by softmax, beside the scores" in shown


@pytest.mark.parametrize("method", ["attention-influence", "ifd"])
def test_the_other_methods_answer_with_a_score_a_row(method, score):
    done = score("--method", method, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["summary"]["counts"] == {"ok": 24}


def test_the_plans_count_the_layers_that_both_models_share(score, made):
    heads = json.loads((made["runs"] / made["heads"] / "heads.json").read_text(encoding="utf-8"))
    first = min(h["layer"] for h in heads["heads"] if h["selected"])
    for method in ("attention-influence", "air"):
        plan = json.loads(score("--method", method, "--explain").out)
        assert plan["full_passes"] == pytest.approx(1 + (3 - first) / 3, abs=0.01)
        assert plan["samples"] == 24
    # Each row is one sequence with its prompt and one without.
    assert json.loads(score("--method", "ifd", "--explain").out)["samples"] == 48


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--method", "air", "--part", "prompt"), ("the part is 'prompt'", "leave out --part")),
        (("--method", "air", "--floor", 0), ("--floor",)),
        (("--method", "air", "--weights", "best"), ("'best'", "softmax")),
        (("--method", "air", "--temperature", "nan"), ("--temperature",)),
    ],
)
def test_what_cannot_be_asked_is_refused(arguments, words, score):
    assert_refused(score(*arguments), *words)


@pytest.mark.parametrize("method", ["air", "attention-influence"])
def test_heads_are_asked_for(method, score):
    done = score("--method", method, heads=False)
    assert_refused(done, f"the method {method} needs heads", "pass --heads")


def test_a_context_too_short_for_a_retrieval_sample(workbench, checkpoint, tmp_path):
    texts = tmp_path / "short.jsonl"
    sentences = " ".join(f"{letter * 9}." for letter in "ABCDEFGH")
    texts.write_text(json.dumps({"text": sentences}) + "\n", encoding="utf-8")
    model = ("--model", checkpoint("llama"), "--device", "cpu", "--runs", tmp_path / "runs")
    done = workbench("heads", "find", *model, "--method", "retrieval", "--data", texts)
    words = "the context of 96 tokens is too short for one 3-shot retrieval sample"
    assert_refused(done, words, "expected at least", "a longer context")


def test_a_tokenizer_that_loses_keys(workbench, tmp_path):
    texts = tmp_path / "words.jsonl"
    sentences = " ".join(f"A{'a' * i} w3 w4 w5 w6." for i in range(9))
    texts.write_text(json.dumps({"text": sentences}) + "\n", encoding="utf-8")
    model = ("--model", write_copier(tmp_path / "copier"), "--device", "cpu")
    request = ("heads", "find", *model, "--method", "retrieval", "--data", texts, "--shots", 0)
    done = workbench(*request, "--limit", 60, "--runs", tmp_path / "runs")
    assert_refused(done, "does not give the key", "keeps every letter and digit")


def test_retrieval_takes_no_probe(workbench, made):
    done = workbench("heads", "find", "--method", "retrieval", "--probe", made["probe"])
    assert_refused(done, "makes its own samples")


def test_retrieval_on_the_bundled_model_answers_and_its_plan_writes_nothing(workbench, tmp_path):
    request = ("heads", "find", "--method", "retrieval", "--device", "cpu", "--n", 2, "--json")
    easy = ("--shots", 0, "--key-length", 4, "--limit", 90, "--runs", tmp_path / "runs")
    plan = json.loads(workbench(*request, *easy, "--explain").out)
    assert (plan["samples"], plan["full_passes"]) == (2, 1)
    assert not (tmp_path / "runs").exists()
    done = workbench(*request, *easy)
    assert done.code == 0, done.err
    answer = json.loads(done.out)
    assert len(answer["circuit"]) == 2
    by_its_own_verb = workbench("heads", "retrieve", *request[4:], *easy)
    assert json.loads(by_its_own_verb.out) == {**answer, "reused": True}
    shown = workbench("heads", "show", answer["run"], "--runs", tmp_path / "runs").out
    assert "values retrieved exactly" in shown
    assert "retrieval score" in shown
