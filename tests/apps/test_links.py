"""An address shows what it names, wherever the app runs: runs, and the data behind them."""

from __future__ import annotations

import json
import shutil

import pytest

from tests.apps.conftest import open_page, words
from tests.support.manifests import write_manifest
from workbench.runs import located


def test_the_run_that_is_shown_stands_in_the_address_the_newest_too(finished):
    at = open_page("samples")
    assert at.query_params["scores"] == at.selectbox(key="scores").value


def test_an_address_chooses_a_run_and_says_when_it_is_not_here(finished):
    at = open_page("heads")
    last = at.selectbox(key="circuit").options[-1]
    at.query_params["circuit"] = last
    at.run()
    assert at.selectbox(key="circuit").value == last
    at.query_params["circuit"] = "gone · exact · 00000000"
    at.run()
    assert "“gone · exact · 00000000”, which is not here" in words(at)
    at.selectbox(key="circuit").select(last).run()
    assert "which is not here" not in words(at)


def test_an_address_of_before_finds_a_run_of_the_demo(finished):
    at = open_page("heads")
    last = at.selectbox(key="circuit").options[-1]
    at.query_params["circuit"] = last.removesuffix(" · demo")
    at.run()
    assert at.selectbox(key="circuit").value == last


@pytest.mark.parametrize("place", ["absolute", "beside", "unknown"])
def test_scores_of_a_relative_path_show_their_rows_when_the_app_starts_elsewhere(
    copied, chain, tmp_path, monkeypatch, place
):
    """A run of now says where its command ran; one of before lies below that folder.

    One that was copied together with its data has them beside it.
    """
    beside = copied if place == "beside" else copied.parent
    shutil.copy(chain.parent / "rows.jsonl", beside / "rows.jsonl")
    path = next(copied.glob("score-*/manifest.json"))
    manifest = json.loads(path.read_text())
    manifest["details"]["data"] = ["rows.jsonl"]
    told = {"absolute": str(copied.parent), "beside": "..", "unknown": ""}
    manifest["folder"] = told[place]
    write_manifest(path, manifest)
    monkeypatch.setenv("WORKBENCH_ROOTS", str(copied.parent))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    shown = words(open_page("samples"))
    assert "cannot be read" not in shown
    assert "not at hand" not in shown
    assert "0+0?" in shown.replace("\\", "")


def test_a_run_says_where_its_command_ran(chain):
    manifest = json.loads(next(chain.glob("score-*/manifest.json")).read_text())
    assert manifest["folder"]
    assert located(manifest, "gsm8k") == "gsm8k"
    assert located(manifest, "hf:owner/name") == "hf:owner/name"
    assert located({"folder": str(chain.parent)}, "*.jsonl") == str(chain.parent / "*.jsonl")
    assert located({"folder": str(chain.parent)}, "none.jsonl") == "none.jsonl"
