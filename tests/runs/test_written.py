"""What was written is what is read: a flipped bit never becomes another result."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workbench.errors import InputError
from workbench.runs import (
    Finding,
    Place,
    RunSpec,
    answer,
    check_run,
    list_runs,
    manifest,
    read_manifest,
    written,
)
from workbench.runs.written import SUMS, note_sum

TABLE = RunSpec("score-length", {"seed": 0}, {"data": "d"}, result_name="scores.parquet")
RECORD = RunSpec("probe-random", {"seed": 0}, {"data": "d"}, result_name="probe.json")
N_PARTS = 3


def part(index: int) -> pa.Table:
    values = np.random.default_rng(index).normal(size=40)
    return pa.table({"row": [f"row {index} {i}" for i in range(40)], "score": values})


def table_run(root: Path, *, stop_after: int = N_PARTS):
    """Three parts, a JSON file beside the result, and a number of tokens kept for resuming."""

    def work(task):
        run, tokens = task.run, task.budget(None, lambda: 512)
        for index in range(N_PARTS):
            if index == stop_after:
                raise KeyboardInterrupt
            if not run.has_part(index):
                run.write_part(index, part(index))
            task.progress()(index + 1, N_PARTS, "parts")
        tables = [pq.read_table(run.part(index)) for index in range(N_PARTS)]
        run.write_json("summary.json", {"n": 120, "tokens": tokens})
        return Finding(pa.concat_tables(tables), {"ok": 120})

    return answer(Place(root), TABLE, work, summary="summary.json")


def record_run(root: Path):
    def work(task):
        return Finding({"probe": task.once("measured.json", lambda: [1.5, 2.5])}, {"ok": 2})

    return answer(Place(root), RECORD, work)


def results(folder: Path) -> dict[str, bytes]:
    """Every byte that anything is read from; the manifest says when, so of it the counts."""
    left_out = {"manifest.json", "events.jsonl", ".lock", SUMS}
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    found = {str(p.relative_to(folder)): p.read_bytes() for p in files if p.name not in left_out}
    return {**found, "counts": json.dumps(read_manifest(folder)["counts"]).encode()}


@pytest.fixture(autouse=True)
def quick(request, monkeypatch):
    """No power cut is tried here, and waiting for the disk two thousand times takes minutes."""
    if "cost" not in request.node.name:
        monkeypatch.setattr(os, "fsync", lambda descriptor: None)
        monkeypatch.setattr(manifest, "package_versions", lambda: {})


@pytest.fixture(params=[8, pytest.param(100, marks=pytest.mark.thorough)])
def n_flips(request):
    return request.param


def flip(path: Path, random: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    path.write_bytes(content)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    root = tmp_path_factory.mktemp("finished")
    return [table_run(root).run, record_run(root).run]


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    root = tmp_path_factory.mktemp("stopped")
    with pytest.raises(KeyboardInterrupt):
        table_run(root, stop_after=2)
    return root / TABLE.name


KINDS = [
    (0, "scores.parquet"),
    (0, "summary.json"),
    (0, "batches.json"),
    (0, "manifest.json"),
    (0, "events.jsonl"),
    (0, SUMS),
    (1, "probe.json"),
    (1, "measured.json"),
]


@pytest.mark.parametrize(("number", "name"), KINDS)
def test_a_flipped_bit_in_a_finished_run_gives_the_same_bytes_or_an_error(
    finished, tmp_path, n_flips, number, name
):
    chance, again = random.Random(name), [table_run, record_run][number]
    before, outcomes = results(finished[number]), {"same": 0, "refused": 0}
    for _ in range(n_flips):
        copy = shutil.copytree(finished[number], tmp_path / finished[number].name)
        flip(copy / name, chance)
        try:
            assert results(again(tmp_path).run) == before
            outcomes["same"] += 1
        except InputError:
            outcomes["refused"] += 1
        shutil.rmtree(copy)
    assert sum(outcomes.values()) == n_flips
    # Whatever is read is computed anew, or is refused with a reason; nothing is passed over.
    assert outcomes["same"] >= n_flips // 2


@pytest.mark.parametrize(
    "name", ["parts/00000.parquet", "parts/00001.parquet", "batches.json", "manifest.json", SUMS]
)
def test_a_flipped_bit_in_a_stopped_run_gives_the_same_bytes(
    finished, stopped, tmp_path, n_flips, name
):
    chance, before = random.Random(name), results(finished[0])
    for _ in range(n_flips):
        copy = shutil.copytree(stopped, tmp_path / stopped.name)
        flip(copy / name, chance)
        assert results(table_run(tmp_path).run) == before
        shutil.rmtree(copy)


@pytest.mark.parametrize(("number", "name"), KINDS[:4] + KINDS[6:])
def test_whoever_reads_a_damaged_run_is_told(finished, tmp_path, n_flips, number, name):
    chance, before, refused = random.Random(name), results(finished[number]), 0
    for _ in range(n_flips):
        copy = shutil.copytree(finished[number], tmp_path / finished[number].name)
        flip(copy / name, chance)
        try:
            check_run(copy)
        except InputError:
            refused += 1
        else:
            # A flip that leaves the JSON of a manifest as it was, in its white space, is none.
            assert name == "manifest.json"
            assert results(copy) == before
        shutil.rmtree(copy)
    assert refused >= n_flips // 2


@pytest.mark.parametrize("name", ["scores.parquet", "summary.json"])
def test_a_truncated_or_missing_file_is_noticed_and_made_again(finished, tmp_path, name):
    before = results(finished[0])
    for cut in (0, 1, 10):
        copy = shutil.copytree(finished[0], tmp_path / finished[0].name)
        (copy / name).write_bytes((copy / name).read_bytes()[:-cut] if cut else b"")
        with pytest.raises(InputError, match=rf"'{name}' in the run .* is missing or not what"):
            check_run(copy)
        again = table_run(tmp_path)
        assert not again.reused
        assert results(again.run) == before
        assert read_manifest(again.run)["details"]["repaired"] == [name]
        check_run(again.run)
        shutil.rmtree(copy)


@pytest.mark.parametrize("name", ["marks.json", "labels.json", "kinds.json", ".labels.json.lock"])
def test_what_a_page_lays_beside_a_run_is_no_part_of_it(finished, tmp_path, name):
    copy = shutil.copytree(finished[0], tmp_path / finished[0].name)
    (copy / name).write_text("{}")
    (copy / "scores.parquet").write_bytes(b"")
    assert not table_run(tmp_path).reused
    (copy / name).write_text('{"row-1": "keep"}')
    check_run(copy)


def test_a_half_copied_run_is_noticed(finished, tmp_path):
    copy = shutil.copytree(finished[0], tmp_path / finished[0].name)
    (copy / "summary.json").unlink()
    with pytest.raises(InputError, match=r"'summary.json' in the run .*; copy the folder again"):
        check_run(copy)


def test_a_damaged_run_says_what_is_computed_again(finished, tmp_path):
    told, copy = [], shutil.copytree(finished[0], tmp_path / finished[0].name)
    (copy / "scores.parquet").write_bytes(b"")

    def tell(done, total, text):
        told.append(text)

    answer(Place(tmp_path, tell), TABLE, lambda task: Finding(part(0), {}), summary="summary.json")
    assert told[0] == "not as written, computed again: scores.parquet"


def test_whole_parts_of_a_damaged_run_are_not_made_again(finished, tmp_path, monkeypatch):
    copy, made = shutil.copytree(finished[0], tmp_path / finished[0].name), []
    (copy / "scores.parquet").write_bytes(b"")
    flip(copy / "parts" / "00001.parquet", random.Random(0))
    monkeypatch.setitem(globals(), "part", lambda index, of=part: made.append(index) or of(index))
    table_run(tmp_path)
    assert made == [1]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("counts", {"ok": 7}),
        ("details", {"data": ["other.jsonl"]}),
        ("model", {"id": "other"}),
        ("inputs", {"data": "e"}),
        ("files", {}),
        ("status", "failed"),
    ],
)
def test_an_edited_manifest_is_noticed(finished, tmp_path, key, value):
    copy = shutil.copytree(finished[0], tmp_path / finished[0].name)
    path = copy / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(InputError, match="was changed after the run wrote it"):
        read_manifest(copy)
    assert [run.status for run in list_runs(tmp_path)] == ["broken"]
    assert results(table_run(tmp_path).run) == results(finished[0])


@pytest.mark.parametrize("key", ["result", "parents", "files"])
@pytest.mark.parametrize("name", ["../../secret", "/etc/passwd", "a/b"])
def test_a_manifest_that_points_elsewhere_is_refused(finished, tmp_path, key, name):
    copy = shutil.copytree(finished[0], tmp_path / finished[0].name)
    content = json.loads((copy / "manifest.json").read_text())
    value = {"result": name, "parents": [name], "files": {name: "0"}}[key]
    (copy / "manifest.json").write_text(
        json.dumps({k: v for k, v in content.items() if k != "seal"} | {key: value})
    )
    with pytest.raises(InputError, match="which lies elsewhere"):
        read_manifest(copy)


def test_a_run_under_the_name_of_another_does_not_answer_for_it(finished, tmp_path):
    """A folder renamed by hand: its files are whole, and of another question."""
    shutil.copytree(finished[0], tmp_path / RunSpec("score-length", {}, {}).name)
    spec = RunSpec("score-length", {}, {}, result_name="scores.parquet")
    with pytest.raises(InputError, match=r"holds a run of another question .*; move it away"):
        answer(Place(tmp_path), spec, lambda task: pytest.fail("worked"), summary="summary.json")


def test_a_finished_run_of_an_earlier_version_still_answers(finished, tmp_path):
    copy = shutil.copytree(finished[0], tmp_path / finished[0].name)
    content = json.loads((copy / "manifest.json").read_text())
    for key in ("files", "seal"):
        del content[key]
    (copy / "manifest.json").write_text(json.dumps(content))
    (copy / SUMS).unlink()
    assert table_run(tmp_path).reused
    check_run(copy)


def test_sums_are_read_by_sha256sum(finished):
    command = ["sha256sum", "--check", "--quiet", SUMS]
    checked = subprocess.run(command, cwd=finished[0], capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_a_sum_reads_its_file_once_and_no_other(tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(written, "file_digest", lambda path: read.append(path.name) or "0" * 64)
    for number in range(3):
        path = tmp_path / f"{number:05}.parquet"
        path.write_bytes(b"rows")
        note_sum(tmp_path, path, path.name)
    assert read == ["00000.parquet", "00001.parquet", "00002.parquet"]
