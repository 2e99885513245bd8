"""The bundled demo: shown before anything has been run, whole, small, and of the bundled model."""

from __future__ import annotations

import shutil

import pytest

from tests.apps.conftest import NO_NUMBERS, PAGES, open_page, words
from workbench.bundled import MODELS, bundled_dir
from workbench.circuits import read_heads
from workbench.data import fingerprint_sources
from workbench.models import find_model, weights_digest
from workbench.runs import list_runs, read_manifest

DEMO = bundled_dir("data") / "demo_runs"
STAGES = {"probe", "heads", "validate", "score", "select", "amplify"}


@pytest.mark.parametrize("page", PAGES)
def test_an_empty_folder_shows_the_demo_on_every_page(empty, page):
    at = open_page(page)
    assert at.metric or page in NO_NUMBERS
    assert "bundled demo" in words(at)
    assert not empty.exists()


def test_the_demo_is_whole_and_small():
    runs = list_runs(DEMO)
    assert {run.stage.partition("-")[0] for run in runs} == STAGES
    assert {run.status for run in runs} == {"finished"}
    size = sum(path.stat().st_size for path in DEMO.rglob("*") if path.is_file())
    assert size < 3_000_000


def test_the_demo_belongs_to_the_bundled_model_and_data():
    """Made anew with analyses/reference_model/make_demo_runs.py after either has changed."""
    folder, _ = find_model(next(iter(MODELS)))
    for path in DEMO.glob("heads-*/heads.json"):
        assert read_heads(path).model.weights_sha256 == weights_digest(folder)
    for path in DEMO.glob("score-*"):
        manifest = read_manifest(path)
        assert manifest["inputs"]["data"] == fingerprint_sources(manifest["details"]["data"])


def test_runs_built_on_the_demo_lie_in_ones_own_folder_and_are_shown_with_it(empty):
    at = open_page("select")
    next(b for b in at.button if b.label == "Save this selection").click().run()
    (saved,) = list_runs(empty)
    assert saved.stage == "select-soft"
    assert not list(DEMO.rglob("marks.json"))
    assert "1 Model" in words(open_page())
    assert any(saved.name[-8:] in option for option in at.selectbox(key="second").options) or any(
        saved.name[-8:] in option for option in open_page("select").selectbox(key="second").options
    )


def test_marks_on_the_demo_are_kept_in_ones_own_folder(empty):
    at = open_page("samples")
    next(b for b in at.button if b.label == "Keep").click().run()
    assert len(list((empty / ".marks").glob("*.json"))) == 1
    assert not list(DEMO.rglob("marks.json"))


def test_ones_own_results_stand_before_those_of_the_demo_which_stay_and_are_marked(copied):
    at = open_page()
    box = at.selectbox(key="circuit")
    marked = [option.endswith("· demo") for option in box.options]
    assert marked == sorted(marked), "own ones first"
    assert (marked[0], marked[-1]) == (False, True)
    assert at.metric[1].value == "2 / 12"
    box.select(box.options[-1]).run()
    assert at.metric[1].value != "2 / 12"
    assert set(at.dataframe[0].value["whose"]) == {"", "demo"}


def test_the_first_result_of_ones_own_hides_none_of_the_demo(copied):
    """Only a circuit yet: the overview shows it, and the demo's scores are still there."""
    for stage in ("score", "select", "validate"):
        for folder in copied.glob(f"{stage}-*"):
            shutil.rmtree(folder)
    assert "2 / 12" in words(open_page())
    at = open_page("samples")
    assert at.selectbox(key="scores").options[0].endswith("· demo")
    assert "Rows scored" in words(at)


def test_scores_of_the_demo_find_its_circuit_beside_results_of_ones_own(copied):
    at = open_page("tokens")
    box = at.selectbox(key="scores")
    box.select(next(option for option in box.options if option.endswith("· demo"))).run()
    assert "is gone" not in words(at)
    assert "Paper's score here" in words(at)


def test_without_scores_of_ones_own_and_of_the_demo_the_page_says_what_makes_them(copied, no_demo):
    for folder in [*copied.glob("score-*"), *copied.glob("select-*")]:
        shutil.rmtree(folder)
    assert "No scores here yet" in words(open_page("samples"))
