"""`score --explain` on the command line: the plan of the very command without `--explain`."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def score(workbench, checkpoint, tmp_path):
    def call(rows, *arguments):
        data = tmp_path / "rows.jsonl"
        data.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
        place = ("--model", checkpoint("llama"), "--device", "cpu", "--data", data)
        done = workbench("score", *place, "--runs", tmp_path / "runs", *arguments)
        assert done.code == 0, done.err
        return json.loads(done.out)

    return call


def test_the_plan_is_of_the_shape_that_was_asked_for(score):
    rows = [{"prompt": "What?", "completion": "it is 4", "text": "a text of its own"}] * 4
    loss = ("--method", "loss", "--explain")
    assert score(rows, *loss, "--shape", "text")["tokens"] == 4 * len("a text of its own")
    assert score(rows, *loss)["tokens"] != 4 * len("a text of its own")


def test_the_plan_counts_a_row_whose_prompt_fits_where_only_the_prompt_is_read(score, made):
    rows = [{"prompt": "Say it often", "completion": "4" * 100}] * 3
    heads = ("--heads", made["runs"] / made["heads"])
    assert score(rows, *heads, "--explain")["samples"] == 3
    assert score(rows, *heads, "--json")["summary"]["counts"] == {"ok": 3}


def test_an_option_that_the_method_does_not_read_is_refused_in_one_sentence(
    workbench, checkpoint, sums
):
    asked = ("score", "--model", checkpoint("llama"), "--data", sums, "--method", "loss")
    done = workbench(*asked, "--drop-sink")
    assert (done.code, done.out) == (2, "")
    assert "the method loss does not read --drop-sink" in done.err
    assert "circuitseer" in done.err
