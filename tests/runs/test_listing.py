"""Finding runs again, by any of the names a person would use."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from workbench.errors import InputError
from workbench.runs import RunSpec, find_run, list_runs, open_run, read_manifest

NAMES = ("scores.parquet",)


def finished(root, seed):
    spec = RunSpec("score-length", {"seed": seed}, {}, result_name="scores.parquet")
    with open_run(root, spec) as run:
        run.write_part(0, pa.table({"row": [seed]}))
        run.merge_parts("scores.parquet", counts={"ok": 1})
    return run


def unfinished(root):
    with open_run(root, RunSpec("heads-exact", {}, {}, result_name="heads.json")) as run:
        pass
    return run


def test_a_root_that_does_not_exist_holds_no_runs(tmp_path):
    assert list_runs(tmp_path / "none") == []


def test_runs_are_listed_newest_first_with_their_state(tmp_path):
    first, second = finished(tmp_path, 0), unfinished(tmp_path)
    newest, oldest = list_runs(tmp_path)
    assert (newest.name, newest.status, newest.result) == (second.path.name, "interrupted", None)
    assert (oldest.name, oldest.status, oldest.result) == (
        first.path.name,
        "finished",
        first.result,
    )
    assert oldest.stage == "score-length"
    assert oldest.counts == {"ok": 1}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "No such file"),
        ("{", "cannot be read"),
        ("[]", "no JSON object"),
        ("{}", "has None as 'stage'"),
        ("\udcff", "cannot be read"),
    ],
)
def test_a_broken_run_is_listed_with_its_reason_beside_the_others(tmp_path, text, reason):
    good = finished(tmp_path, 0)
    broken = tmp_path / "score-broken"
    broken.mkdir()
    (broken / "scores.parquet").touch()
    if text is not None:
        (broken / "manifest.json").write_text(text, errors="surrogateescape")
    by_name = {run.name: run for run in list_runs(tmp_path)}
    assert by_name[good.path.name].status == "finished"
    assert by_name["score-broken"].status == "broken"
    assert reason in by_name["score-broken"].reason


def test_a_manifest_of_another_schema_is_broken(tmp_path):
    run = finished(tmp_path, 0)
    manifest = read_manifest(run.path) | {"schema": 99}
    (run.path / "manifest.json").write_text(json.dumps(manifest))
    assert "schema 99" in list_runs(tmp_path)[0].reason


def test_files_and_hidden_folders_are_no_runs(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / ".cache").mkdir()
    assert list_runs(tmp_path) == []


def test_a_run_is_found_by_file_folder_name_and_unique_prefix(tmp_path):
    run = finished(tmp_path, 0)
    name = run.path.name
    for ref in (str(run.result), str(run.path), name, name[:-2], "score"):
        assert find_run(tmp_path, ref, NAMES) == run.result


def test_a_result_outside_any_run_is_found_by_its_file(tmp_path):
    path = tmp_path / "published.json"
    path.write_text("{}")
    assert find_run(tmp_path / "runs", str(path), ("heads.json",)) == path


def test_a_prefix_only_counts_runs_that_hold_the_result(tmp_path):
    run = finished(tmp_path, 0)
    with open_run(tmp_path, RunSpec("score-air", {}, {}, result_name="scores.parquet")):
        pass
    assert find_run(tmp_path, "score", NAMES) == run.result


def test_an_interrupted_run_is_found_only_to_say_what_to_do(tmp_path):
    unfinished(tmp_path)
    with pytest.raises(InputError, match=r"no result, expected heads\.json; if the run was"):
        find_run(tmp_path, "heads", ("heads.json",))


@pytest.mark.parametrize("ref", ["x" * 5000, "a\0b"])
def test_a_name_that_no_file_can_have_is_one_sentence(ref, tmp_path):
    with pytest.raises(InputError, match=r"no run 'x+' \(File name too long\)|is no file") as info:
        find_run(tmp_path, ref, NAMES)
    assert len(str(info.value)) < 300


def test_an_ambiguous_prefix_names_the_runs(tmp_path):
    names = [finished(tmp_path, seed).path.name for seed in (0, 1)]
    with pytest.raises(InputError, match="begins the names of 2 runs") as info:
        find_run(tmp_path, "score", NAMES)
    assert all(name in str(info.value) for name in names)


def test_an_unknown_run_names_those_there_are(tmp_path):
    run = finished(tmp_path, 0)
    with pytest.raises(InputError, match="'nothing' is no file, folder or run") as info:
        find_run(tmp_path, "nothing", NAMES)
    assert run.path.name in str(info.value)
    assert info.value.exit_code == 2


def test_an_empty_root_says_so(tmp_path):
    with pytest.raises(InputError, match="has none yet"):
        find_run(tmp_path / "runs", "score", NAMES)


def test_a_long_list_is_cut(tmp_path):
    for seed in range(12):
        finished(tmp_path, seed)
    with pytest.raises(InputError, match="and 2 more"):
        find_run(tmp_path, "nothing", NAMES)
