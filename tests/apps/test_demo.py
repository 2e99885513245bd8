"""The bundled demo: shown before anything has been run, whole, small, and of the bundled model."""

from __future__ import annotations

import shutil

import pytest

from apps.widgets.runs import BUNDLED, OWN
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


def test_results_of_ones_own_take_the_place_of_the_demo(copied):
    at = open_page()
    assert "bundled demo" not in words(at)
    assert at.segmented_control(key="runs").value == OWN
    at.segmented_control(key="runs").select(BUNDLED).run()
    assert "bundled demo" in words(at)
    assert at.metric[1].value != "2 / 12"


def test_without_scores_of_ones_own_the_page_says_what_makes_them(copied):
    for folder in [*copied.glob("score-*"), *copied.glob("select-*")]:
        shutil.rmtree(folder)
    assert "No scores here yet" in words(open_page("samples"))
