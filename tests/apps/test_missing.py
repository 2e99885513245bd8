"""Pages without results, with broken ones, and with manifests that point elsewhere."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import pytest

from apps.reading.runs import finished_in, forget_runs, runs_in
from apps.reading.workspace import own_root
from tests.apps.conftest import NO_NUMBERS, PAGES, open_page, words
from tests.support.manifests import write_manifest

NEED_RUNS = ("", "heads", "tokens", "steps", "samples", "validate", "select")


@pytest.fixture(autouse=True)
def fresh_list():
    """No list of another test in the same second."""
    forget_runs()
    yield
    forget_runs()


def manifest_of(stage: str, **changes) -> dict:
    """A manifest that can be read."""
    return {
        "stage": stage,
        "config": {},
        "inputs": {},
        "parents": [],
        "versions": {},
        "schema": 1,
        "digest": "",
        "result": "scores.parquet",
        "created": "2026-01-01T00:00:00+00:00",
        "started": "2026-01-01T00:00:00+00:00",
        "seconds": 0.0,
        "counts": {},
        "status": "running",
    } | changes


@pytest.mark.parametrize("page", NEED_RUNS)
def test_without_any_results_a_page_names_the_command_that_makes_them(empty, no_demo, page):
    at = open_page(page)
    codes = [code.value for code in at.code]
    assert "workbench demo" in codes
    assert "workbench app --runs demo/runs" in codes
    assert not at.metric


@pytest.mark.parametrize("page", PAGES)
def test_a_folder_that_is_no_run_breaks_no_page(copied, page):
    (copied / "heads-exact-deadbeef").mkdir()
    (copied / "heads-exact-deadbeef" / "manifest.json").write_text("{")
    at = open_page(page)
    assert at.metric or page in NO_NUMBERS


def test_the_overview_lists_broken_runs_with_the_reason(copied):
    (copied / "heads-exact-deadbeef").mkdir()
    (copied / "heads-exact-deadbeef" / "manifest.json").write_text("{")
    shown = words(open_page())
    assert "heads-exact-deadbeef: broken" in shown
    assert "cannot be read" in shown


@pytest.mark.parametrize("page", ["", "heads", "playground"])
def test_a_torn_circuit_is_told_in_words(copied, page):
    next(copied.glob("heads-*/heads.json")).write_text('{"schema": 1, "he')
    assert "cannot be read" in words(open_page(page))


@pytest.mark.parametrize("page", ["samples", "tokens", "select"])
def test_a_torn_scores_table_is_told_in_words(copied, page):
    next(copied.glob("score-*/scores.parquet")).write_text("torn")
    assert "cannot be read" in words(open_page(page))


def test_a_torn_validation_is_told_in_words(copied):
    next(copied.glob("validate-*/validation.json")).write_text("[]")
    assert "cannot be read" in words(open_page("validate"))


def test_torn_marks_are_told_in_words(copied):
    (next(copied.glob("score-*")) / "marks.json").write_text("[1")
    assert "holds no marks" in words(open_page("select"))
    assert "holds no marks" in words(open_page("samples"))


def test_the_next_step_names_the_runs_it_builds_on(copied):
    shutil.rmtree(next(copied.glob("select-*")))
    scores = next(copied.glob("score-*")).name
    codes = [code.value for code in open_page().code]
    assert any("workbench select" in c and f"--scores {scores}" in c for c in codes)


def test_a_page_without_its_stage_names_the_command(copied, no_demo):
    shutil.rmtree(next(copied.glob("validate-*")))
    heads = next(copied.glob("heads-*")).name
    codes = [code.value for code in open_page("validate").code]
    assert any("workbench heads validate" in c and f"--heads {heads}" in c for c in codes)


def test_a_result_outside_the_folder_is_never_read(copied, tmp_path, no_demo):
    folder = next(copied.glob("heads-*"))
    (tmp_path / "secret.json").write_text((folder / "heads.json").read_text())
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["result"] = "../../../secret.json"
    write_manifest(folder / "manifest.json", manifest)
    at = open_page("heads")
    assert not at.metric
    assert "workbench demo" in [code.value for code in at.code]


def point_scores_at(copied, data: str) -> None:
    path = next(copied.glob("score-*/manifest.json"))
    manifest = json.loads(path.read_text())
    manifest["details"]["data"] = [data]
    write_manifest(path, manifest)


def test_scores_whose_data_has_gone_still_show_their_numbers(copied, chain):
    point_scores_at(copied, str(chain.parent / "gone.jsonl"))
    shown = words(open_page("samples"))
    assert "scored data cannot be read" in shown
    assert "Rows scored 12" in shown


@pytest.mark.parametrize("page", ["samples", "tokens", "select"])
def test_data_outside_the_allowed_roots_is_not_read(copied, tmp_path, monkeypatch, page):
    (tmp_path / "secret.jsonl").write_text('{"id": "r0", "problem": "my secret"}\n')
    monkeypatch.setenv("WORKBENCH_ROOTS", str(copied))
    point_scores_at(copied, str(tmp_path / "secret.jsonl"))
    shown = words(open_page(page))
    assert "--root" in shown
    assert "my secret" not in shown


@pytest.mark.parametrize(
    ("page", "stage"), [("heads", "heads"), ("samples", "score"), ("select", "score")]
)
def test_a_run_that_is_deleted_under_an_open_page_is_told_in_words(
    copied, monkeypatch, no_demo, page, stage
):
    """In the second in which the page still lists it; later it is one that is not here."""
    at = open_page(page)
    monkeypatch.setattr("apps.reading.runs.time", SimpleNamespace(monotonic=lambda: 0))
    finished_in(own_root())
    for folder in copied.glob(f"{stage}-*"):
        shutil.rmtree(folder)
    at.run()
    assert [error.message for error in at.exception] == []
    assert "cannot be read" in words(at)


def test_a_run_without_its_manifest_any_more_is_passed_over(copied, monkeypatch):
    monkeypatch.setattr("apps.reading.runs.time", SimpleNamespace(monotonic=lambda: 0))
    names = [run.name for run in runs_in(copied)]
    gone = next(copied.glob("score-*"))
    shutil.rmtree(gone)
    assert sorted(run.name for run in finished_in(copied)) == sorted({*names} - {gone.name})


def test_data_that_has_lost_rows_leaves_the_selection_without_their_labels(copied, chain):
    shorter = chain.parent / "shorter.jsonl"
    rows = ({"id": f"r{i}", "problem": "What is 1?", "level": str(i)} for i in range(2))
    shorter.write_text("".join(json.dumps(row) + "\n" for row in rows))
    point_scores_at(copied, str(shorter))
    at = open_page("select")
    shorter.unlink()
    assert "has changed since it was scored" in words(at)
    assert not at.exception


def test_data_that_has_changed_is_told_and_not_taken_for_the_scored_rows(copied, chain, tmp_path):
    changed = chain.parent / "changed.jsonl"
    changed.write_text('{"id": "other", "problem": "another text"}\n' * 12)
    point_scores_at(copied, str(changed))
    shown = words(open_page("samples"))
    changed.unlink()
    assert "has changed since it was scored" in shown
    assert "another text" not in shown
