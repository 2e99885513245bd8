"""Heads by contrast and their validation as runs, on a model in which two heads do the task."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.support.planted_pair import FIRST, SECOND, pair_rows, write_pair
from workbench.circuits import read_heads, read_validation
from workbench.errors import InputError
from workbench.runs import Run
from workbench.stages import (
    HeadsOptions,
    ModelSource,
    Place,
    ProbeOptions,
    ValidateOptions,
    plan_heads,
    plan_validate,
    read_importance,
    run_heads,
    run_probe,
    run_validate,
    seen_rows,
)

HOSTILE = "<img src=x onerror=alert(1)>"
HEADS = HeadsOptions(fraction=0.1, min_heads=2, rank="contrast", control_n=6)
QUICK = ValidateOptions(n=12, random=20, decode_n=12, control_n=4, curve_n=4)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A probe, heads found by contrast with digits that mean nothing, and their validation."""
    home = tmp_path_factory.mktemp("pair")
    data = home / "pairs.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in pair_rows(24)))
    text = home / f"{HOSTILE}.jsonl"
    rows = [{"id": f"t{i}", "text": row["problem"]} for i, row in enumerate(pair_rows(10, seed=1))]
    text.write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = ModelSource(str(write_pair(home / HOSTILE)), device="cpu")
    place = Place(home / "runs")
    probe = run_probe(place, source, [str(data)], ProbeOptions(n=10, strategy="random"))
    heads = run_heads(place, source, probe.result, HEADS, control=[str(text)])
    validation = run_validate(place, source, heads.result, [str(data)], QUICK, control=[str(text)])
    return SimpleNamespace(**locals())


def test_the_contrast_finds_the_pair_and_the_file_says_how(found):
    heads = found.heads.summary
    chosen = {(h["layer"], h["head"]) for h in heads["heads"] if h["selected"]}
    assert chosen == {FIRST, SECOND}
    assert heads["rank_by"] == "contrast"
    assert heads["control"]["data"] == [str(found.text)]
    assert heads["control"]["n_samples"] == 6
    assert read_heads(found.heads.result).control == heads["control"]


def test_each_head_has_both_deltas_and_their_contrast(found):
    importance, control = read_importance(found.heads.run)
    deltas, losses = importance.flat.mean(axis=0), importance.base_loss.mean()
    control_deltas, control_losses = control.flat.mean(axis=0), control.base_loss.mean()
    for h, delta, beside in zip(found.heads.summary["heads"], deltas, control_deltas, strict=True):
        assert h["delta"] == pytest.approx(delta)
        assert h["control_delta"] == pytest.approx(beside)
        assert h["contrast"] == pytest.approx(delta / losses - beside / control_losses)
    assert len(importance.row_ids) == 10
    assert len(control.row_ids) == 6


def test_a_control_changes_no_reasoning_delta(found):
    alone = run_heads(found.place, found.source, found.probe.result, HeadsOptions(min_heads=2))
    assert "control" not in alone.summary
    np.testing.assert_allclose(
        [h["delta"] for h in alone.summary["heads"]],
        [h["delta"] for h in found.heads.summary["heads"]],
    )


def test_interrupted_in_the_control_it_goes_on_to_the_same_bytes(found, monkeypatch, tmp_path):
    write_part = Run.write_part

    def stop_at_control(self, index, table, *, series=""):
        if series:
            raise KeyboardInterrupt
        write_part(self, index, table, series=series)

    request = (Place(tmp_path), found.source, found.probe.result, HEADS)
    monkeypatch.setattr(Run, "write_part", stop_at_control)
    with pytest.raises(KeyboardInterrupt):
        run_heads(*request, control=[str(found.text)])
    monkeypatch.setattr(Run, "write_part", write_part)
    resumed = run_heads(*request, control=[str(found.text)])
    assert not resumed.reused
    assert resumed.result.read_bytes() == found.heads.result.read_bytes()
    assert run_heads(*request, control=[str(found.text)]).reused


def test_the_plan_of_heads_cuts_the_batches_that_the_run_cuts(found):
    kept = json.loads((found.heads.run / "batches.json").read_text())["batch_tokens"]
    request, control = (found.source, found.probe.result, HEADS), [str(found.text)]
    plan = plan_heads(*request, control=control, batch_tokens=kept)
    assert plan["samples"] == 10 + 6
    assert plan["batches"] == len(list((found.heads.run / "parts").glob("*.parquet")))
    small = plan_heads(*request, control=control, batch_tokens=20)
    assert small["batches"] > plan["batches"]
    with pytest.raises(InputError, match="no control data; pass --control"):
        plan_heads(*request)


def test_contributions_that_are_the_deltas_already_are_planned_once(found):
    def passes(rank):
        options = HeadsOptions(rank=rank, ablation="mean")
        request = (found.source, found.probe.result, options)
        return plan_heads(*request, batch_tokens=200)["forward_passes"]

    assert passes("contribution") == passes("delta")


def test_contrast_without_control_data_is_refused_before_any_work(found, tmp_path):
    with pytest.raises(InputError, match="no control data; pass --control"):
        run_heads(Place(tmp_path), found.source, found.probe.result, HEADS)
    assert not list(tmp_path.iterdir())


def test_the_validation_leaves_out_the_rows_that_the_heads_were_found_on(found):
    report = found.validation.summary
    assert report["held_out"]
    assert report["n_samples"] == 12
    assert report["controls"][0]["n_samples"] == 4
    rest = run_validate(
        found.place,
        found.source,
        found.heads.result,
        [str(found.data)],
        ValidateOptions(n=99, random=1, decode_n=0, curve_n=0),
        control=(),
    )
    assert rest.summary["n_samples"] == 24 - 10


def test_without_other_rows_it_says_that_it_saw_the_probe(found, tmp_path):
    importance, _ = read_importance(found.heads.run)
    few = tmp_path / "few.jsonl"
    rows = [row for row in pair_rows(24) if row["id"] in importance.row_ids]
    few.write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = ValidateOptions(n=3, random=1, decode_n=0, curve_n=0)
    request = (found.place, found.source, found.heads.result, [str(few)], options)
    report = run_validate(*request, control=()).summary
    assert not report["held_out"]
    assert "rows that the heads were found on" in report["verdict"]
    with pytest.raises(InputError, match="all 10 rows are left out of the validation"):
        run_validate(*request, control=(), exclude=frozenset(importance.row_ids))


def test_the_report_has_every_part(found):
    report = read_validation(found.validation.result)
    assert report["n_decoded"] == 12
    assert report["base"]["accuracy"] > report["circuit"]["accuracy"]
    assert report["p_loss"] < 0.05
    assert report["curve"]["n_samples"] == 4
    assert report["stability"]["n_samples"] == 10
    assert report["model"]["id"] == HOSTILE
    assert report["data"] == [str(found.data)]


@pytest.mark.parametrize("chosen", ["contribution", "by hand"])
def test_a_circuit_that_deltas_alone_do_not_choose_has_no_stability(found, tmp_path, chosen):
    for name in ("heads.json", "deltas.parquet"):
        shutil.copy(found.heads.run / name, tmp_path)
    content = json.loads((tmp_path / "heads.json").read_text())
    if chosen == "contribution":
        content["rank_by"] = chosen
    else:
        first, *_, last = sorted(content["heads"], key=lambda head: head["rank"])
        first["selected"], last["selected"] = False, True
    (tmp_path / "heads.json").write_text(json.dumps(content))
    assert read_importance(tmp_path)[0] is not None
    options = ValidateOptions(n=2, random=1, decode_n=0, curve_n=0)
    request = (found.place, found.source, tmp_path / "heads.json", [str(found.data)], options)
    assert run_validate(*request, control=()).summary["stability"] is None


def test_the_page_is_one_file_in_which_no_name_becomes_markup(found):
    page = (found.validation.run / "validation.html").read_text(encoding="utf-8")
    assert "<img" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert page.count("</html>") == 1
    assert page.count("Plotly.newPlot(") >= 5
    assert 'src="http' not in page
    assert "<link" not in page


def test_heads_of_another_project_have_no_samples_and_are_validated_all_the_same(found, tmp_path):
    published = {f"{layer}-{head}": [0.0] for layer in (0, 1) for head in range(8)}
    published |= {f"{layer}-{head}": [1.0] for layer, head in (FIRST, SECOND)}
    path = tmp_path / "heads.json"
    path.write_text(json.dumps(published))
    assert read_importance(path.parent) == (None, None)
    options = ValidateOptions(n=4, random=2, decode_n=0, curve_n=0)
    request = (found.place, found.source, path, [str(found.data)], options)
    report = run_validate(*request, control=()).summary
    assert report["stability"] is None
    assert report["held_out"] is None
    assert "Not known is which rows the heads were found on" in report["verdict"]


@pytest.mark.parametrize("method", ["race", "screen"])
def test_rows_that_heads_were_raced_on_are_left_out(found, method):
    asked = HeadsOptions(min_heads=2, method=method, first=2)
    raced = run_heads(found.place, found.source, found.probe.result, asked)
    seen = seen_rows(raced.run)
    assert len(seen) == found.probe.summary["n"] == 10
    n_rows = len(found.data.read_text().splitlines())
    options = ValidateOptions(n=n_rows, random=2, decode_n=0, curve_n=0)
    request = (found.place, found.source, raced.result, [str(found.data)], options)
    report = run_validate(*request, control=()).summary
    assert report["held_out"] is True
    assert report["n_samples"] == n_rows - len(seen)


def test_the_plan_names_passes_and_decoded_tokens(found):
    request = (found.source, found.heads.result, [str(found.data)])
    plan = plan_validate(*request, QUICK, control=[str(found.text)])
    assert plan["samples"] == 12
    assert plan["decoded_tokens"] == 25 * 12 * 2
    assert set(plan["seconds_by_part"]) == {"loss", "contribution", "controls", "curve", "decoding"}
    less = ValidateOptions(n=12, random=20, decode_n=0, curve_n=0)
    cheap = plan_validate(*request, less, control=())
    assert cheap["decoded_tokens"] == 0
    assert cheap["tokens"] < plan["tokens"]
    # A clean pass; 24 sets from layer 0 on, or from layer 1 where they have no head below.
    assert 1 + 24 / 2 <= cheap["full_passes"] <= 1 + 24


def test_a_validation_of_the_first_schema_is_read(tmp_path):
    pair = {"loss": 1.0, "accuracy": 0.5}
    old = {
        "schema": 1,
        "n_samples": 4,
        "heads": [[0, 1]],
        "n_random": 2,
        "seed": 0,
        "base": pair,
        "circuit": {"loss": 3.0, "accuracy": 0.0},
        "bottom": pair,
        "all": pair,
        "random": {"loss": [1.0, 2.0], "accuracy": [0.5, 0.25]},
        "p_loss": 1 / 3,
        "p_accuracy": 1 / 3,
        "verdict": "so",
    }
    path = tmp_path / "validation.json"
    path.write_text(json.dumps(old))
    report = read_validation(path)
    assert report["base"] == {"loss": 1.0, "exact": 0.5, "accuracy": None}
    assert report["random"]["mean_exact"] == 0.375
    assert report["effect"]["loss"]["ratio"] == 4
    assert (report["judged_by"], report["p"], report["supported"]) == ("exact", 1 / 3, False)


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"schema": 3}', '{"schema": 2}'])
def test_what_is_no_validation_is_refused_in_words(content, tmp_path):
    path = Path(tmp_path) / "validation.json"
    path.write_text(content)
    with pytest.raises(InputError, match=r"cannot be read as a validation|has schema 3"):
        read_validation(path)
