"""The tour: finished runs of a pretrained model, which can be looked at without the model."""

from __future__ import annotations

import shutil

import pandas as pd
import pytest

from apps.reading.kept_samples import read_kept
from apps.reading.workspace import KEPT
from apps.widgets.one_sample import ADDRESS
from tests.apps.conftest import open_page, words
from workbench.bundled import bundled_dir
from workbench.circuits import circuit_of, read_heads
from workbench.data import fingerprint_sources
from workbench.runs import Place, list_runs, located, read_manifest
from workbench.stages import run_export

TOUR = bundled_dir("data") / "tour_runs"
SCORES = next(path for path in sorted(TOUR.glob("score-*")) if (path / KEPT).is_file())
MODEL = "smollm2-135m"


@pytest.fixture
def no_model(empty, tmp_path, monkeypatch):
    """As on a machine that has never fetched a model."""
    monkeypatch.setenv("WORKBENCH_CACHE", str(tmp_path / "cache"))
    return empty


def heads_of_scores():
    parents = read_manifest(SCORES)["parents"]
    return next(TOUR / name for name in parents if name.startswith("heads-"))


def test_the_tour_is_whole_and_small_and_holds_no_weights():
    runs = list_runs(TOUR)
    stages = {run.stage.partition("-")[0] for run in runs}
    assert stages == {"probe", "heads", "validate", "score", "select"}
    assert {run.status for run in runs} == {"finished"}
    assert sum(path.stat().st_size for path in TOUR.rglob("*") if path.is_file()) < 3_000_000
    assert not list(TOUR.rglob("*.safetensors"))


def test_the_tour_has_maps_of_two_kinds_of_ablation_and_of_a_circuit_without_idle_heads():
    found = {path.parent.name: read_heads(path) for path in TOUR.glob("heads-*/heads.json")}
    assert {heads.model.id for heads in found.values()} == {MODEL}
    assert {len(heads.heads) for heads in found.values()} == {270}
    assert {heads.ablation for heads in found.values()} >= {"uniform-causal", "mean"}
    chosen = next(heads for name, heads in found.items() if name.startswith("heads-chosen"))
    assert not [h for h in chosen.heads if h.selected and h.idle]


def test_the_rows_of_the_tour_lie_beside_its_runs():
    for path in TOUR.glob("score-*"):
        manifest = read_manifest(path)
        sources = [located(manifest, name) for name in manifest["details"]["data"]]
        assert fingerprint_sources(sources) == manifest["inputs"]["data"]


def test_an_empty_folder_opens_on_the_tour(no_model):
    assert MODEL in words(open_page())
    at = open_page("heads")
    assert (at.selectbox(key="circuit").value or "").startswith(MODEL)
    assert "/ 270" in words(at)
    assert not no_model.exists()


def test_runs_of_the_tour_say_what_they_are(no_model):
    circuits = open_page("heads").selectbox(key="circuit").options
    assert any(f"{MODEL} · exact, mean" in title for title in circuits)
    assert any(f"{MODEL} · chosen" in title for title in circuits)
    scores = open_page("samples").selectbox(key="scores").options
    assert sum("paper · chosen circuit" in title for title in scores) == 1


def test_a_chosen_circuit_opens_on_a_head_of_its_own(no_model):
    at = open_page("heads")
    found = read_heads(next(TOUR.glob("heads-chosen-*/heads.json")))
    first = min((h for h in found.heads if h.selected), key=lambda h: h.rank)
    assert first.rank > 1
    assert at.selectbox(key="head").value == f"L{first.layer}H{first.head}"


def test_a_validation_says_how_many_random_sets_cost_as_much(no_model):
    shown = words(open_page("validate"))
    assert "p by mean output 0.048" in shown
    assert "1 of 20 sets cost as much" in shown
    assert "0 of 20 sets cost as much" in shown
    assert "Shown by what these heads contribute" in shown


def test_a_validation_whose_circuit_breaks_the_model_is_not_plainly_shown(no_model):
    """There the circuit costs 108 % of what all heads cost; and nothing was decoded."""
    at = open_page("validate")
    box = at.selectbox(key="validation")
    at = box.select(next(o for o in box.options if "397c8e6f" in o)).run()
    shown = words(at)
    assert not at.success
    assert "Shown with a reservation" in shown
    assert "the mean of all 20 sets" in shown
    assert "beyond the first 10 random sets" in shown
    (costs,) = [d.value for d in at.dataframe if "heads made uniform" in d.value]
    assert list(costs) == ["heads made uniform", "loss"]
    kept = next(m for m in at.metric if m.label == "Kept by the circuit alone")
    assert "below 0 %" in kept.help
    at = open_page()
    box = at.selectbox(key="circuit")
    at = box.select(next(o for o in box.options if "5a1cd0e8" in o)).run()
    assert "more than chance, but it breaks the model" in words(at)


def test_tokens_of_kept_rows_are_shown_without_the_model(no_model):
    at = open_page("tokens")
    last = str(at.selectbox(key="scores").value).removesuffix(" · demo").rpartition(" ")[2]
    scores = next(TOUR.glob(f"score-*-{last}"))
    kept = read_kept(scores / KEPT)
    assert len(at.selectbox(key="kept_place").options) == len(kept)
    assert "As kept with the run" in words(at)
    table = pd.read_parquet(scores / "scores.parquet").set_index("row_id")
    first = table.loc[next(iter(kept))]
    assert f"Paper's score here {first['paper']:.3g}" in words(at)
    assert f"the scores table has {first['paper']:.3g}" in words(at)
    assert f"workbench models get {MODEL}" in words(at)
    at.toggle(key="no_sink").set_value(True).run()
    assert not at.exception
    assert f"Paper's score here {first['paper_no_sink']:.3g}" in words(at)


def test_a_row_that_was_not_kept_says_so_and_a_kept_one_is_opened_from_the_box(no_model):
    at = open_page("tokens")
    at.number_input(key="place").set_value(2).run()
    assert "was not kept" in words(at)
    box = at.selectbox(key="kept_place")
    box.select(box.options[-1]).run()
    assert not at.exception
    assert "was not kept" not in words(at)


def test_a_head_s_pattern_on_a_kept_row_is_shown_without_the_model(no_model):
    circuit = circuit_of(read_heads(heads_of_scores() / "heads.json")).heads
    at = open_page("heads")
    at.selectbox(key="head").select(f"L{circuit[0].layer}H{circuit[0].head}").run()
    at.segmented_control(key="detail").set_value("attention").run()
    assert not at.exception
    assert at.selectbox(key="kept_row").options
    assert "Attention was kept of some rows" not in words(at)
    kinds = words(at)
    assert "Previous token" in kinds
    assert "Induction" in kinds
    at.selectbox(key="head").select("L5H5").run()
    assert "not of L5H5" in words(at)


def test_a_kept_row_is_the_one_whose_pattern_is_shown_on_coming_from_it(no_model):
    rows = list(read_kept(SCORES / KEPT))
    circuit = circuit_of(read_heads(heads_of_scores() / "heads.json")).heads
    titles = open_page("samples").selectbox(key="scores").options
    title = next(title for title in titles if SCORES.name[-8:] in title)
    at = open_page("heads")
    at.query_params.update({ADDRESS: rows[1], "scores": title})
    at.selectbox(key="head").select(f"L{circuit[0].layer}H{circuit[0].head}").run()
    at.segmented_control(key="detail").set_value("attention").run()
    assert not at.exception
    assert at.selectbox(key=f"kept_row-{rows[1]}").value == rows[1]
    assert "no attention was kept" not in words(at)
    scored = pd.read_parquet(SCORES / "scores.parquet")["row_id"]
    other = next(row_id for row_id in scored if row_id not in rows)
    at.query_params[ADDRESS] = other
    at.run()
    assert f"Of the row “{other}” no attention was kept." in words(at)


def test_a_form_says_how_the_model_of_the_tour_is_fetched(no_model):
    at = open_page("run")
    assert "run workbench models get smollm2-135m" in words(at)


def test_the_selection_of_the_tour_is_exported_with_all_its_columns(empty, tmp_path):
    """Its data lie beside the runs, wherever they were copied to."""
    shutil.copytree(TOUR, tmp_path / "elsewhere" / "runs")
    runs = tmp_path / "elsewhere" / "runs"
    selection = next(runs.glob("select-soft-*/selection.parquet"))
    done = run_export(Place(runs), selection, tmp_path / "subset", format="messages")
    assert done["counts"]["selected"] == 40
