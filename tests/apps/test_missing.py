"""Pages without results, with broken ones, and with manifests that point elsewhere."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.apps.conftest import open_page, words

PAGES = ("", "heads", "tokens", "samples", "validate")


@pytest.mark.parametrize("page", PAGES)
def test_an_empty_folder_names_the_command_that_fills_it(empty, page):
    at = open_page(page)
    codes = [code.value for code in at.code]
    assert "workbench demo" in codes
    assert "workbench app --runs demo/runs" in codes
    assert not at.metric


@pytest.mark.parametrize("page", PAGES)
def test_a_folder_that_is_no_run_breaks_no_page(copied, page):
    (copied / "heads-exact-deadbeef").mkdir()
    (copied / "heads-exact-deadbeef" / "manifest.json").write_text("{")
    assert open_page(page).metric


def test_the_overview_lists_broken_runs_with_the_reason(copied):
    (copied / "heads-exact-deadbeef").mkdir()
    (copied / "heads-exact-deadbeef" / "manifest.json").write_text("{")
    shown = words(open_page())
    assert "heads-exact-deadbeef: broken" in shown
    assert "cannot be read" in shown


@pytest.mark.parametrize("page", ["", "heads"])
def test_a_torn_result_is_told_in_words(copied, page):
    next(copied.glob("heads-*/heads.json")).write_text('{"schema": 1, "he')
    assert "cannot be read" in words(open_page(page))


def test_a_torn_validation_is_told_in_words(copied):
    next(copied.glob("validate-*/validation.json")).write_text("[]")
    assert "cannot be read" in words(open_page("validate"))


def test_the_next_step_names_the_runs_it_builds_on(copied):
    shutil.rmtree(next(copied.glob("select-*")))
    scores = next(copied.glob("score-*")).name
    codes = [code.value for code in open_page().code]
    assert any("workbench select" in c and f"--scores {scores}" in c for c in codes)


def test_a_page_without_its_stage_names_the_command(copied):
    shutil.rmtree(next(copied.glob("validate-*")))
    heads = next(copied.glob("heads-*")).name
    codes = [code.value for code in open_page("validate").code]
    assert any("workbench heads validate" in c and f"--heads {heads}" in c for c in codes)


def test_a_result_outside_the_folder_is_never_read(copied, tmp_path):
    folder = next(copied.glob("heads-*"))
    (tmp_path / "secret.json").write_text((folder / "heads.json").read_text())
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["result"] = "../../../secret.json"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    at = open_page("heads")
    assert not at.metric
    assert "workbench demo" in [code.value for code in at.code]


def test_scores_whose_data_has_gone_still_show_their_numbers(copied):
    path = next(copied.glob("score-*/manifest.json"))
    manifest = json.loads(path.read_text())
    manifest["details"]["data"] = [str(copied / "gone.jsonl")]
    path.write_text(json.dumps(manifest))
    shown = words(open_page("samples"))
    assert "scored data cannot be read" in shown
    assert "Rows scored 12" in shown
