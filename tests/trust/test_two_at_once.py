"""Two at once: writers, readers and lists of the same runs and exports, and locks left behind."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.selection.test_export import bytes_of, export, samples_of, selection_of
from workbench.config import file_digest
from workbench.errors import RunBusyError
from workbench.runs import RunSpec, check_run, list_runs, open_run, read_manifest
from workbench.runs import run as runs
from workbench.runs.written import LOCK

SPEC = RunSpec("score-length", {"seed": 0}, {"data": "d"}, result_name="scores.parquet")
N_PARTS = 12


def work(root: Path) -> Path:
    with open_run(root, SPEC) as run:
        for index in range(N_PARTS):
            if not run.finished and not run.has_part(index):
                run.event(index, N_PARTS, "part")
                run.write_part(index, pa.table({"row": [index]}))
        if not run.finished:
            run.merge_parts("scores.parquet", n_parts=N_PARTS, counts={"ok": N_PARTS})
    return run.result


def test_of_many_writers_each_has_the_result_or_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "_LOCK_SECONDS", 0.05)

    def attempt(_: int) -> str:
        try:
            return file_digest(work(tmp_path))
        except RunBusyError:
            return "busy"

    with ThreadPoolExecutor(6) as pool:
        found = set(pool.map(attempt, range(12)))
    assert len(found - {"busy"}) == 1
    check_run(tmp_path / SPEC.name)
    assert pq.read_table(work(tmp_path))["row"].to_pylist() == list(range(N_PARTS))


def test_a_list_during_the_writing_finds_no_run_broken(tmp_path):
    seen, is_done = set(), threading.Event()

    def look() -> None:
        while not is_done.is_set():
            seen.update((run.status, run.reason) for run in list_runs(tmp_path))

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look)
        for number in range(60):
            with open_run(tmp_path, RunSpec("score-loss", {"seed": number}, {})) as run:
                run.finish_json("result.parquet", {})
        work(tmp_path)
        is_done.set()
        looking.result()
    assert {status for status, _ in seen} <= {"running", "finished", "interrupted"}, seen


def test_a_run_that_has_its_lock_and_no_manifest_yet_is_running(tmp_path):
    folder = tmp_path / SPEC.name
    folder.mkdir()
    with runs._locked(folder):
        assert [run.status for run in list_runs(tmp_path)] == ["running"]
    assert list_runs(tmp_path) == []
    (folder / "scores.parquet").touch()
    assert [run.status for run in list_runs(tmp_path)] == ["broken"]


def test_a_manifest_is_whole_whenever_it_is_read(tmp_path):
    is_done = threading.Event()

    def read() -> int:
        n_read = 0
        while not is_done.is_set():
            if (tmp_path / SPEC.name / "manifest.json").is_file():
                read_manifest(tmp_path / SPEC.name)
                n_read += 1
        return n_read

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        with open_run(tmp_path, SPEC) as run:
            for number in range(60):
                run.record(number=number)
        is_done.set()
        assert reading.result() > 0


@pytest.mark.parametrize("content", [b"", b"99999999\nelsewhere\n", b"\x00" * 100])
def test_a_lock_left_over_by_a_crash_or_a_reboot_holds_nobody_up(tmp_path, content):
    folder = tmp_path / SPEC.name
    folder.mkdir()
    (folder / LOCK).write_bytes(content)
    (folder / "manifest.json").write_text('{"stage": "sco')
    (folder / "SHA256SUMS").write_bytes(b"\x00" * 200)
    assert [run.status for run in list_runs(tmp_path)] == ["broken"]
    assert pq.read_table(work(tmp_path)).num_rows == N_PARTS


@pytest.mark.parametrize("earlier", [True, False])
def test_of_exports_into_one_folder_at_once_one_stays_whole(tmp_path, earlier):
    samples, out = samples_of(), tmp_path / "out"
    places = [(0,), (1, 2), (3, 4, 5), (6, 7, 0, 1)]
    alone = []
    for number, of_one in enumerate(places):
        export(tmp_path / "alone" / str(number) / "out", selection=selection_of(samples, of_one))
        alone.append(bytes_of(tmp_path / "alone" / str(number) / "out"))
    if earlier:
        export(out)

    def write(number: int) -> None:
        export(out, selection=selection_of(samples, places[number % len(places)]))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(16)))
    assert bytes_of(out) in alone
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alone", "out"]


def test_a_reader_finds_an_export_at_every_moment_while_it_is_replaced(tmp_path):
    out, is_done = tmp_path / "out", threading.Event()
    export(out)

    def read() -> int:
        n_read = 0
        while not is_done.is_set():
            assert json.loads((out / "provenance.json").read_text())["files"]
            n_read += 1
        return n_read

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        for _ in range(12):
            export(out)
        is_done.set()
        assert reading.result() > 0
