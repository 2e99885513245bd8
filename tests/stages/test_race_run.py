"""A race as a run: the exact circuit, resumable, and honest about every head."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.stages.test_chain import write_data
from workbench.circuits import read_heads
from workbench.errors import InputError
from workbench.runs import read_manifest
from workbench.runs.written import SUMS
from workbench.stages import (
    HeadsOptions,
    ModelSource,
    Place,
    ProbeOptions,
    read_importance,
    read_raced,
    run_heads,
    run_probe,
)

METHODS = ("race", "screen")


def options(method: str, **more) -> HeadsOptions:
    return HeadsOptions(**{"fraction": 0.1, "first": 4, "tolerance": 0.0, "method": method, **more})


@pytest.fixture(scope="module")
def found(checkpoint, tmp_path_factory):
    folder = tmp_path_factory.mktemp("race")
    place = Place(folder / "runs")
    source = ModelSource(str(checkpoint("llama")), device="cpu")
    probe = run_probe(place, source, [str(write_data(folder / "sums.jsonl"))], ProbeOptions(n=24))
    runs = {
        method: run_heads(place, source, probe.result, options(method), batch_tokens=400)
        for method in ("exact", *METHODS)
    }
    return SimpleNamespace(place=place, source=source, probe=probe, **runs)


def by_place(summary) -> dict:
    return {(h["layer"], h["head"]): h for h in summary["heads"]}


@pytest.mark.parametrize("method", METHODS)
def test_the_circuit_is_that_of_the_exact_method(method, found):
    exact, raced = by_place(found.exact.summary), by_place(getattr(found, method).summary)
    assert set(raced) == set(exact)
    circuit = {place for place, head in raced.items() if head["selected"]}
    assert circuit == {place for place, head in exact.items() if head["selected"]}
    lost = {place for place, head in raced.items() if head["basis"] == "sample"} - circuit
    assert min(raced[p]["n_samples"] for p in circuit) >= max(raced[p]["n_samples"] for p in lost)


@pytest.mark.parametrize("method", METHODS)
def test_every_delta_is_that_of_the_samples_it_names(method, found):
    """Against the exact run's table; the samples of each head are in `raced.parquet`.

    After gradients: the mean estimate, and the mean of what they miss on these samples.
    """
    outcome = getattr(found, method)
    exact = read_importance(found.exact.run)[0].deltas
    table = pq.read_table(outcome.run / "raced.parquet").to_pylist()
    estimates = np.zeros_like(exact)
    for row in table:
        if row["gradient"]:
            estimates[row["position"]] = np.reshape(row["deltas"], exact.shape[1:])
    for place, head in by_place(outcome.summary).items():
        number = place[0] * 4 + place[1]
        rows = {r["position"] for r in table if number in r["heads"] and not r["gradient"]}
        guess, expected = estimates[:, *place], estimates[:, *place].mean()
        assert bool(rows) == (head["basis"] != "gradient")
        if rows:
            assert head["n_samples"] == len(rows)
            expected += (exact[sorted(rows), *place] - guess[sorted(rows)]).mean()
        assert head["delta"] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_what_a_race_has_measured_is_read_back_sample_by_sample(method, found):
    exact, raced = read_importance(found.exact.run)[0], read_raced(getattr(found, method).run)
    places = [exact.row_ids.index(row_id) for row_id in raced.row_ids]
    was_run = np.isfinite(raced.deltas)
    assert 0 < was_run.mean() < 1
    assert raced.deltas[was_run] == pytest.approx(exact.deltas[places][was_run], abs=1e-5)
    for place, head in by_place(getattr(found, method).summary).items():
        n_run = int(was_run[:, *place].sum())
        assert n_run == (head["n_samples"] if head["basis"] != "gradient" else 0)
    assert read_raced(found.exact.run) is None


@pytest.mark.parametrize("method", METHODS)
def test_every_head_has_every_field_and_says_what_it_rests_on(method, found):
    summary = getattr(found, method).summary
    assert summary["method"] == method
    assert sorted(h["rank"] for h in summary["heads"]) == list(range(1, 13))
    for head in summary["heads"]:
        assert set(found.exact.summary["heads"][0]) < set(head)
        assert head["ci_low"] <= head["delta"] <= head["ci_high"]
        assert (head["n_samples"] == 24) == (head["basis"] == "probe") or method == "screen"
    kinds = {head["basis"] for head in summary["heads"]}
    assert kinds <= {"probe", "sample", "gradient"}
    assert ("gradient" in kinds) == (method == "screen")
    search = summary["search"]
    assert search["head_samples"] < search["head_samples_exact"] == 12 * 24
    assert "with probability of at least 0.95" in search["statement"]
    assert ("not guaranteed" in search["statement"]) == (method == "screen")


def test_an_exact_run_says_nothing_of_a_race(found):
    assert "search" not in found.exact.summary
    assert "basis" not in found.exact.summary["heads"][0]
    config = read_manifest(found.exact.run)["config"]
    assert "confidence" not in config


@pytest.mark.parametrize("method", METHODS)
def test_the_result_reads_back_and_holds_no_table_of_all_deltas(method, found):
    outcome = getattr(found, method)
    heads = read_heads(outcome.result)
    assert heads.method == method
    assert heads.search == outcome.summary["search"]
    assert read_importance(outcome.run) == (None, None)
    assert (outcome.run / "raced.parquet").is_file()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kept", [0, 1, 4])
def test_a_race_cut_short_goes_on_to_the_same_bytes(method, kept, found, tmp_path):
    outcome = getattr(found, method)
    place = Place(tmp_path)
    copy = tmp_path / outcome.run.name / "parts"
    copy.mkdir(parents=True)
    parts = sorted((outcome.run / "parts").glob("*.parquet"))
    assert len(parts) > 4
    for part in parts[:kept]:
        (copy / part.name).write_bytes(part.read_bytes())
    shutil.copy(outcome.run / SUMS, copy.parent)
    again = run_heads(place, found.source, found.probe.result, options(method), batch_tokens=400)
    assert not again.reused
    assert again.result.read_bytes() == outcome.result.read_bytes()


@pytest.mark.parametrize("method", METHODS)
def test_progress_never_passes_its_end(method, found, tmp_path):
    seen = []
    place = Place(tmp_path, lambda done, total, text: seen.append((done, total, text)))
    run_heads(place, found.source, found.probe.result, options(method), batch_tokens=400)
    last = [text.startswith("contributions") for _, _, text in seen].index(True)
    for phase in (seen[:last], seen[last:]):
        assert all(done < total for done, total, _ in phase[:-1])
        assert phase[-1][0] == phase[-1][1]
    totals = [total for _, total, _ in seen[: last - 1]]
    assert totals == sorted(totals, reverse=True)
    said = [text for _, _, text in seen[:last] if text.startswith("look")]
    assert "heads left: about" in said[0]
    assert "at most" in said[0]


def test_progress_is_told_within_a_piece_of_work(found, tmp_path):
    """A piece may take half an hour: its layers are steps of their own."""
    seen = []
    place = Place(tmp_path / "runs", lambda done, _total, text: seen.append((done, text)))
    run_heads(place, found.source, found.probe.result, options("screen"), batch_tokens=400)
    table = pq.read_table(found.screen.run / "raced.parquet", columns=["position", "gradient"])
    n_samples = table["gradient"].to_pylist().count(True)
    n_pieces = len({text for _, text in seen if text.startswith("gradients of")})
    gradients = [done for done, text in seen if text.startswith("gradients of")]
    n_layers = read_heads(found.screen.result).model.n_layers
    assert gradients == sorted(set(gradients))
    assert len(gradients) % n_layers == 0
    assert n_samples >= len(gradients) // n_layers >= n_pieces >= 1


def test_near_ties_are_listed_and_what_they_spare_is_counted(found, tmp_path):
    place = Place(tmp_path)
    how = options("race", tolerance=5.0)
    outcome = run_heads(place, found.source, found.probe.result, how, batch_tokens=400)
    search, exact = outcome.summary["search"], by_place(found.exact.summary)
    ties = {tuple(place) for place in search["near_ties"]}
    heads = by_place(outcome.summary)
    assert ties
    assert not any(heads[place]["selected"] for place in ties)
    left = sum(24 - heads[p]["n_samples"] for p in heads if p in ties or heads[p]["selected"])
    assert search["head_samples_spared"] == left
    assert search["head_samples"] < found.race.summary["search"]["head_samples"]
    selected = [exact[place]["delta"] for place, head in heads.items() if head["selected"]]
    others = [exact[place]["delta"] for place, head in heads.items() if not head["selected"]]
    assert max(others) - min(selected) <= search["margin"]
    assert "(500% of the least of them)" in search["statement"]
    strict = found.race.summary["search"]
    assert strict["near_ties"] == []
    assert strict["head_samples_spared"] == 0
    assert "by more than" not in strict["statement"]


@pytest.mark.parametrize("method", ["exact", "race"])
def test_a_window_of_the_loss_is_another_question_and_said_in_the_result(method, found, tmp_path):
    outcome = run_heads(
        Place(tmp_path), found.source, found.probe.result, options(method, count="first:1")
    )
    whole = getattr(found, method)
    assert outcome.run.name != whole.run.name
    assert outcome.summary["probe"]["count"] == "first:1"
    assert "count" not in whole.summary["probe"]
    assert "count" not in read_manifest(whole.run)["config"]
    assert outcome.summary["base_loss"] != whole.summary["base_loss"]


def test_a_contrast_is_refused(found):
    with pytest.raises(InputError, match="too little for another ranking"):
        run_heads(found.place, found.source, found.probe.result, options("race"), control=["text"])
    for name, value in (("confidence", 1.0), ("first", 1), ("tolerance", -0.1)):
        with pytest.raises(InputError, match=f"{name} is {value}"):
            HeadsOptions(method="race", **{name: value})


def test_other_confidence_is_another_question(found):
    manifest = json.loads((found.race.run / "manifest.json").read_text())
    assert manifest["config"]["confidence"] == 0.95
    assert manifest["config"]["first"] == 4
