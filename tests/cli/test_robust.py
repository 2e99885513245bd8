"""`workbench heads robust`: runs in, a run of heads out that everything else can read."""

from __future__ import annotations

import json

import pytest

from workbench.circuits import read_heads
from workbench.stages import (
    HeadsOptions,
    ModelSource,
    Place,
    ProbeOptions,
    run_heads,
    run_probe,
    seen_rows,
)


@pytest.fixture(scope="module")
def three(checkpoint, sums, tmp_path_factory):
    """A runs folder with heads of two probes, one of them under two kinds of ablation."""
    source = ModelSource(str(checkpoint("llama")), device="cpu")
    place = Place(tmp_path_factory.mktemp("settings"))
    first, second = (
        run_probe(place, source, [str(sums)], ProbeOptions(n=4, strategy="random", seed=seed))
        for seed in (0, 1)
    )
    found = [
        run_heads(place, source, probe.result, HeadsOptions(min_heads=4, ablation=kind))
        for probe, kind in ((first, "uniform"), (first, "zero"), (second, "uniform"))
    ]
    return place.runs, source, found


@pytest.fixture
def robust(three, workbench):
    runs, source, found = three
    names = [outcome.run.name for outcome in found]

    def call(*more, of=names):
        model = ("--model", source.name, "--device", "cpu", "--runs", runs)
        return workbench("heads", "robust", *model, "--heads", *of, *more)

    return call


def test_the_result_is_a_run_of_heads_with_the_share_of_settings(robust, three, workbench):
    runs, _, found = three
    done = robust("--keep", 0.5, "--json")
    assert done.code == 0, done.err
    answer = json.loads(done.out)
    circuits = [
        {(h["layer"], h["head"]) for h in outcome.summary["heads"] if h["selected"]}
        for outcome in found
    ]
    content = json.loads((runs / answer["run"] / "heads.json").read_text())
    for head in content["heads"]:
        place = (head["layer"], head["head"])
        share = sum(place in circuit for circuit in circuits) / 3
        assert head["kept"] == pytest.approx(share)
        assert head["selected"] == (share >= 0.5)
    assert content["method"] == "robust"
    settings = content["robust"]["settings"]
    assert sorted(one["ablation"] for one in settings) == ["uniform-causal"] * 2 + ["zero"]
    assert {tuple(one["data"]) for one in settings} == {("sums.jsonl",)}
    assert sorted(one["seed"] for one in settings) == [0, 0, 1]
    assert json.loads(robust("--keep", 0.5, "--json").out)["reused"]


def test_the_order_of_the_runs_and_how_they_are_passed_is_the_same_question(robust, three):
    names = [outcome.run.name for outcome in three[2]]
    first = json.loads(robust("--keep", 0.5, "--json").out)
    again = json.loads(robust("--keep", 0.5, "--json", of=names[::-1]).out)
    repeated = robust(
        *("--heads", names[1], "--heads", names[2], "--keep", 0.5, "--json"), of=names[:1]
    )
    assert again["run"] == json.loads(repeated.out)["run"] == first["run"]


def test_a_person_reads_settings_heads_and_a_map(robust, workbench, three):
    done = robust("--keep", 0.5)
    assert done.code == 0, done.err
    assert "12 heads in 3 settings; circuits overlap by" in done.out
    assert "strict (by chance 0.44): " in done.out
    assert "majority: " in done.out
    assert "kept by at least 50%" in done.out
    assert len([line for line in done.out.splitlines() if line.startswith("  layer ")]) == 3
    name = done.out.splitlines()[-1].split()[0]
    shown = workbench("heads", "show", name, "--runs", three[0])
    assert "12 heads in 3 settings" in shown.out


def test_the_plan_needs_no_pass_and_writes_nothing(robust, three):
    before = sorted(path.name for path in three[0].iterdir())
    plan = json.loads(robust("--keep", 0.4, "--explain").out)
    assert (plan["forward_passes"], plan["settings"]) == (0, 3)
    assert plan["heads_kept"] > 0
    assert sorted(path.name for path in three[0].iterdir()) == before


def test_the_rows_of_all_settings_count_as_seen(robust, three):
    runs, _, found = three
    answer = json.loads(robust("--keep", 0.5, "--json").out)
    seen = seen_rows(runs / answer["run"])
    assert seen == frozenset().union(*(seen_rows(outcome.run) for outcome in found))
    assert len(seen) > 4


def test_rows_are_scored_and_the_circuit_validated_like_any_other(robust, three, workbench, sums):
    runs, source, _ = three
    answer = json.loads(robust("--keep", 0.5, "--json").out)
    shared = ("--model", source.name, "--device", "cpu", "--runs", runs, "--data", sums, "--json")
    scored = workbench("score", "--heads", answer["run"], *shared)
    assert scored.code == 0, scored.err
    few = ("--random", 3, "--n", 4, "--decode-n", 0, "--curve-n", 0, "--control", sums)
    held = workbench("heads", "validate", "--heads", answer["run"], *few, *shared)
    assert held.code == 0, held.err
    report = json.loads((runs / json.loads(held.out)["run"] / "validation.json").read_text())
    circuit = [[h.layer, h.head] for h in read_heads(runs / answer["result"]).heads if h.selected]
    assert sorted(report["heads"]) == circuit
    assert report["held_out"] is True


def test_what_cannot_be_answered_is_refused(robust, three):
    names = [outcome.run.name for outcome in three[2]]
    for of, more, words in (
        (names[:1], (), "there is one setting"),
        ([names[0], names[0]], (), "is given twice"),
        (names, ("--keep", 0), "the keep is 0.0"),
    ):
        done = robust(*more, of=of)
        assert (done.code, done.out) == (2, "")
        assert words in done.err


def test_a_model_that_the_heads_were_not_found_on_is_refused(three, workbench, checkpoint):
    names = [outcome.run.name for outcome in three[2]]
    model = ("--model", checkpoint("qwen2"), "--device", "cpu", "--runs", three[0])
    done = workbench("heads", "robust", *model, "--heads", *names, "--keep", 0.5)
    assert done.code == 2
    assert "the heads were found on" in done.err


def test_settings_that_are_missing_are_priced_run_and_then_answered(three, workbench, sums):
    runs, source, _ = three
    model = ("--model", source.name, "--device", "cpu", "--runs", runs)
    # Of four settings the two of the first kind are finished: the same draws, the same options.
    grid = ("--data", sums, "--n", 4, "--probes", 2, "--kind", "uniform", "--kind", "mean")
    asked = ("heads", "robust", *model, *grid, "--min-heads", 4, "--keep", 0.25)
    plan = json.loads(workbench(*asked, "--explain").out)
    assert (plan["settings"], plan["settings_to_run"]) == (4, 2)
    assert plan["forward_passes"] > 0
    before = {path.name for path in runs.iterdir()}
    done = workbench(*asked, "--json")
    assert done.code == 0, done.err
    kinds = [one["ablation"] for one in json.loads(done.out)["robust"]["settings"]]
    assert sorted(kinds) == ["mean", "mean", "uniform-causal", "uniform-causal"]
    new = {path.name for path in runs.iterdir()} - before
    assert len([name for name in new if name.startswith("heads-exact")]) == 2
    assert not [name for name in new if name.startswith("probe")]
    again = json.loads(workbench(*asked, "--explain").out)
    assert (again["settings_to_run"], again["forward_passes"]) == (0, 0)
    assert json.loads(workbench(*asked, "--json").out)["reused"]


def test_a_finished_run_that_is_also_asked_for_by_its_data_counts_once(three, workbench, sums):
    runs, source, found = three
    model = ("--model", source.name, "--device", "cpu", "--runs", runs, "--heads", found[0].run)
    grid = ("--data", sums, "--n", 4, "--probes", 2, "--kind", "uniform", "--min-heads", 4)
    done = workbench("heads", "robust", *model, *grid, "--keep", 0.5, "--json")
    assert done.code == 0, done.err
    assert len(json.loads(done.out)["robust"]["settings"]) == 2


def test_nothing_to_agree_on_is_refused(three, workbench):
    done = workbench("heads", "robust", "--model", three[1].name, "--runs", three[0])
    assert done.code == 2
    assert "there is no setting" in done.err
