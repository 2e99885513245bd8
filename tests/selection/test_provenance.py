"""Manifests behind a selection are followed once each, and what no run writes is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workbench.errors import InputError
from workbench.runs import RunSpec, read_manifest
from workbench.runs.manifest import new_manifest
from workbench.selection import (
    is_scored_data,
    provenance,
    provenance_of,
    scored_data,
    scored_files,
    stages_behind,
)

FILE = {"name": "a.jsonl", "bytes": 1, "sha256": "1a2b"}


def write(folder: Path, stage: str, *parents: str) -> Path:
    folder.mkdir()
    manifest = new_manifest(RunSpec(stage, {}, {}, parents=parents))
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder / "selection.parquet"


def test_runs_that_name_each_other_as_parents_are_followed_once(tmp_path, monkeypatch):
    path = write(tmp_path / "a", "select-top", "b", "a")
    write(tmp_path / "b", "score-length", "a", "b")
    read = []

    def watched(folder):
        read.append(folder.name)
        assert len(read) < 9, "followed without end"
        return read_manifest(folder)

    monkeypatch.setattr(provenance, "read_manifest", watched)
    assert list(stages_behind(path, tmp_path)) == ["select", "score"]
    assert read == ["a", "b"]


def test_every_score_of_a_joined_selection_is_among_the_stages(tmp_path):
    path = write(tmp_path / "a", "select-soft", "b", "c")
    write(tmp_path / "b", "score-length", "d")
    write(tmp_path / "c", "score-circuitseer", "d")
    write(tmp_path / "d", "heads-exact")
    found = {stage: manifest["run"] for stage, manifest in stages_behind(path, tmp_path).items()}
    assert found == {"select": "a", "score": "b", "score#2": "c", "heads": "d"}


def test_a_run_has_no_parent_above_its_folder(tmp_path):
    path = write(tmp_path / "a", "select-top", "..")
    with pytest.raises(InputError, match=r"names the file '\.\.', which lies elsewhere"):
        read_manifest(path.parent)


@pytest.mark.parametrize(
    "score",
    [
        {"run": "s", "inputs": {}, "details": {"data": ["a.jsonl"]}},
        {"run": "s", "inputs": {"data": 5}, "details": {}},
        {"run": "s", "inputs": {"data": [{"name": "a.jsonl"}]}, "details": {"a": 1}},
        {"run": "s", "inputs": {"data": ["a.jsonl"]}, "details": None},
    ],
)
@pytest.mark.parametrize("ask", [scored_data, lambda score: is_scored_data(score, [FILE])])
def test_a_score_run_without_its_data_is_said_in_words(score, ask, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jsonl").write_text("{}")
    with pytest.raises(InputError, match="the manifests of the runs s cannot be followed"):
        ask(score)


def test_data_is_what_was_scored_by_its_bytes_or_its_part_of_the_hub():
    assert is_scored_data({"inputs": {"data": [FILE]}}, [FILE | {"name": "moved.jsonl"}])
    assert not is_scored_data({"inputs": {"data": [FILE]}}, [FILE | {"sha256": "3c4d"}])
    hub = {"name": "hf:org/sums:train", "bytes": None, "sha256": None, "revision": "c0ffee"}
    assert is_scored_data({"inputs": {"data": [hub]}}, [hub])
    assert not is_scored_data({"inputs": {"data": [hub]}}, [hub | {"name": "hf:org/sums:test"}])
    assert not is_scored_data({"inputs": {"data": [hub]}}, [hub | {"revision": None}])
    assert scored_files(None) == []
    assert not is_scored_data(None, [])


def test_a_selection_by_several_scores_tells_nothing_of_the_first_alone():
    manifest = {"run": "x", "inputs": {}, "versions": {}, "parents": [], "counts": {}}
    manifest |= {"model": {"id": "m", "revision": None, "weights_sha256": "w"}}
    follows = {"length": [0.9, None]}
    details = {"follows": follows, "circuit": ["L0H1"], "idle": ["L0H1"]}
    config = {"method": "circuitseer", "variant": "cv2", "part": "all"}
    score = {**manifest, "stage": "score", "config": config, "details": details}
    config = dict.fromkeys(("policy", "adjust", "temperature", "group_by", "seed"))
    config |= dict.fromkeys(("fraction", "n", "tokens")) | {"combine": "max"}
    chosen = {**manifest, "stage": "select", "config": config, "details": {}}
    alone = provenance_of({"select": chosen, "score": score})
    assert (alone["variant"], alone["follows"], alone["idle"]) == ("cv2", follows, ["L0H1"])
    chosen["details"] = {"combined": ["circuitseer", "loss"]}
    found = provenance_of({"select": chosen, "score": score})
    assert found["method"] == "max of circuitseer, loss"
    told = ("variant", "part", "circuit", "idle", "follows")
    assert [found[name] for name in told] == [None] * len(told)


def test_data_of_a_user_who_is_not_there_is_not_found(tmp_path):
    score = {"run": "s", "inputs": {"data": []}, "details": {"data": ["~nobody-of-that-name/x"]}}
    with pytest.raises(InputError, match="is no path of data"):
        scored_data(score)
