"""What scripts read: one JSON object a stage; and plans that leave nothing behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workbench.types import Head


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("json") / "runs"


@pytest.fixture
def asked(workbench, checkpoint, runs):
    """`asked("score", ...)` with `--json`: the one object on stdout."""

    def call(*arguments: object, model: bool = True) -> dict:
        common = ("--model", checkpoint("llama"), "--device", "cpu") if model else ()
        done = workbench(*arguments, *common, "--runs", runs, "--json")
        assert done.code == 0, done.err
        (line,) = done.out.splitlines()
        return json.loads(line)

    return call


def assert_stage(answer: dict, *, result: str, reused: bool) -> None:
    assert answer["status"] == "finished"
    assert answer["reused"] is reused
    assert Path(answer["result"]) == Path(answer["run"]) / result
    assert Path(answer["result"]).is_file()


def test_every_stage_answers_with_one_object_and_the_second_time_from_its_run(asked, sums):
    for reused in (False, True):
        probe = asked("probe", "build", "--data", sums, "--n", 4)
        assert_stage(probe, result="probe.json", reused=reused)
        assert probe["probe"]["n"] == 4

        heads = asked("heads", "find", "--probe", probe["run"], "--min-heads", 2)
        assert_stage(heads, result="heads.json", reused=reused)
        assert len(heads["circuit"]) == 2

        validate = ("heads", "validate", "--heads", heads["run"], "--data", sums, "--no-control")
        validation = asked(*validate, "--n", 6, "--random", 3)
        assert_stage(validation, result="validation.json", reused=reused)
        assert validation["validation"]["n_samples"] == 6

        scores = asked("score", "--heads", heads["result"], "--data", sums)
        assert_stage(scores, result="scores.parquet", reused=reused)
        assert scores["summary"]["counts"] == {"ok": 24}

        name = Path(scores["run"]).name
        chosen = asked("select", "--scores", name, "--fraction", 0.25, model=False)
        assert_stage(chosen, result="selection.parquet", reused=reused)
        assert chosen["diagnostics"]["n_selected"] == 6

        out = Path(chosen["run"]).parent.parent / "subset"
        export = asked("export", "--selection", chosen["run"], "--out", out, model=False)
        assert export["status"] == "finished"
        assert export["reused"] is False
        assert Path(export["result"]) == out
        assert export["counts"]["selected"] == 6


def test_the_circuit_stands_most_important_head_first(asked, made):
    answer = asked("heads", "find", "--probe", made["runs"] / made["probe"], "--fraction", 0.5)
    content = json.loads(Path(answer["result"]).read_text(encoding="utf-8"))
    delta = {Head(h["layer"], h["head"]): h["delta"] for h in content["heads"]}
    found = [delta[Head(*head)] for head in answer["circuit"]]
    assert len(found) == 6
    assert found == sorted(delta.values(), reverse=True)[:6]


def test_heads_found_on_data_build_the_default_probe(asked, sums):
    first = asked("heads", "find", "--data", sums, "--n", 5)
    assert first["reused"] is False
    assert asked("heads", "find", "--data", sums, "--n", 5) == {**first, "reused": True}


def test_runs_are_listed_shown_and_located(workbench, made):
    where = ("--runs", made["runs"], "--json")
    listed = json.loads(workbench("runs", "list", *where).out)
    status = {Path(run["run"]).name: run["status"] for run in listed}
    for stage in ("probe", "heads", "scores", "selection"):
        assert status[made[stage]] == "finished"
    manifest = json.loads(workbench("runs", "show", made["scores"][:-3], *where).out)
    assert manifest["stage"] == "score-circuitseer"
    located = json.loads(workbench("runs", "path", made["scores"], *where).out)
    assert located["run"] == str(made["runs"] / made["scores"])
    plain = workbench("runs", "path", made["scores"], "--runs", made["runs"])
    assert plain.out.strip() == located["run"]


def test_heads_compared_with_themselves_agree(workbench, made):
    where = ("--runs", made["runs"], "--json")
    report = json.loads(workbench("heads", "compare", made["heads"], made["heads"], *where).out)
    assert report["overlap"] == 1
    assert report["rank_correlation"] == pytest.approx(1)


PLANS = {
    "probe build": ("--n", 4),
    "heads find": ("--n", 4),
    "score": ("--method", "loss"),
}


@pytest.mark.parametrize("command", PLANS)
def test_explain_prints_a_plan_and_writes_nothing(command, workbench, checkpoint, sums, tmp_path):
    model = ("--model", checkpoint("llama"), "--device", "cpu", "--data", sums)
    runs = tmp_path / "runs"
    request = (*command.split(), *model, *PLANS[command], "--runs", runs, "--explain")
    done = workbench(*request)
    assert done.code == 0, done.err
    plan = json.loads(done.out)
    assert plan["samples"] == (4 if command == "heads find" else 24)
    assert plan["forward_passes"] > 0
    assert plan["estimated_seconds"] >= 0
    assert plan["attention_mb"] >= 0
    assert not runs.exists()


def test_the_plan_of_a_selection_says_what_would_be_taken(workbench, made, tmp_path):
    before = sorted(path.name for path in made["runs"].iterdir())
    runs, out = ("--runs", made["runs"]), tmp_path / "subset"
    drawn = workbench("select", "--scores", made["scores"], "--n", 5, *runs, "--explain")
    plan = json.loads(drawn.out)
    assert (plan["rows"], plan["rows_selected"], plan["forward_passes"]) == (24, 5, 0)
    selection = json.loads(
        workbench(
            *("select", "--scores", made["runs"] / made["scores"], "--n", 5),
            *("--runs", tmp_path, "--json"),
        ).out
    )["result"]
    written = workbench("export", "--selection", selection, "--out", out, *runs, "--explain")
    assert json.loads(written.out)["rows"] == 5
    assert not out.exists()
    assert sorted(path.name for path in made["runs"].iterdir()) == before


def test_the_plan_for_heads_counts_the_layers_that_are_rerun(workbench, checkpoint, made):
    model = ("--model", checkpoint("llama"), "--device", "cpu", "--runs", made["runs"])
    before = sorted(path.name for path in made["runs"].iterdir())
    plan = json.loads(workbench("heads", "find", *model, "--probe", made["probe"], "--explain").out)
    # One clean pass; then for 4 heads each of layers 0, 1 and 2: 3, 2 and 1 of 3 layers.
    exact = 1 + 4 * (3 + 2 + 1) / 3
    # Of the leading two: twice all samples for their mean and the clean loss, once for where they
    # rest, and each from its layer on, in the mean 2 of 3.
    facts = 2 + 1 + 2 * 2 / 3
    assert plan["full_passes"] == pytest.approx(exact + facts, abs=0.01)
    assert sorted(path.name for path in made["runs"].iterdir()) == before


def test_the_plan_of_heads_from_data_counts_the_pass_that_chooses_the_probe(
    workbench, checkpoint, sums
):
    request = ("heads", "find", "--model", checkpoint("llama"), "--device", "cpu", "--data", sums)
    plan = json.loads(workbench(*request, "--n", 2, "--explain").out)
    whole = json.loads(workbench(*request, "--n", 4, "--explain").out)
    assert set(plan["seconds_by_part"]) == {"probe", "heads"}
    # The pass over all of the data is the same; what follows has half the samples.
    assert plan["samples"] == 2
    assert whole["tokens"] / 2 < plan["tokens"] < whole["tokens"]


def test_the_plan_for_scores_stops_at_the_circuits_last_layer(workbench, checkpoint, made, sums):
    model = ("--model", checkpoint("llama"), "--device", "cpu", "--runs", made["runs"])
    request = ("score", *model, "--data", sums, "--heads", made["heads"], "--explain")
    plan = json.loads(workbench(*request).out)
    heads = json.loads((made["runs"] / made["heads"] / "heads.json").read_text(encoding="utf-8"))
    last = max(h["layer"] for h in heads["heads"] if h["selected"])
    assert plan["full_passes"] == pytest.approx((last + 1) / 3, abs=0.01)
