"""A run survives being killed, refuses a second worker, and says what it was."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workbench.errors import InputError, RunBusyError
from workbench.runs import RunSpec, list_runs, open_run, read_manifest

SPEC = RunSpec("score-length", {"seed": 0}, {"data": "d"}, result_name="scores.parquet")
N_PARTS = 4

WORKER = """
import sys, time
from pathlib import Path
import pyarrow as pa
from workbench.runs import RunSpec, open_run

root, pause_after = Path(sys.argv[1]), int(sys.argv[2])
spec = RunSpec("score-length", {"seed": 0}, {"data": "d"}, result_name="scores.parquet")
with open_run(root, spec) as run:
    for index in range(4):
        if not run.has_part(index):
            run.write_part(index, pa.table({"row": [index * 2, index * 2 + 1]}))
        run.event(index + 1, 4, "part")
        if index == pause_after:
            print("paused", flush=True)
            time.sleep(60)
    run.merge_parts("scores.parquet")
"""


def part(index: int) -> pa.Table:
    return pa.table({"row": [index * 2, index * 2 + 1]})


def work(root: Path) -> list[int]:
    """Do the run as a command would; returns the parts that had to be made."""
    made = []
    with open_run(root, SPEC) as run:
        if run.finished:
            return made
        for index in range(N_PARTS):
            if not run.has_part(index):
                run.write_part(index, part(index))
                made.append(index)
        run.merge_parts("scores.parquet", n_parts=N_PARTS, counts={"ok": 8})
    return made


@pytest.fixture
def paused_worker(tmp_path):
    """Another process, holding the run after its second part."""
    command = [sys.executable, "-c", WORKER, str(tmp_path), "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "paused\n"
        yield process
        process.kill()


def test_a_killed_run_resumes_to_the_same_bytes(tmp_path, paused_worker):
    paused_worker.send_signal(signal.SIGKILL)
    paused_worker.wait()
    folder = tmp_path / SPEC.name
    (folder / "parts" / "00002.parquet.tmp").write_bytes(b"torn")
    assert [run.status for run in list_runs(tmp_path)] == ["interrupted"]

    assert work(tmp_path) == [2, 3]
    assert not list(folder.rglob("*.tmp"))
    work(tmp_path / "fresh")
    fresh = tmp_path / "fresh" / SPEC.name / "scores.parquet"
    assert (folder / "scores.parquet").read_bytes() == fresh.read_bytes()
    assert pq.read_table(fresh).column("row").to_pylist() == list(range(8))


def test_a_second_process_on_one_run_is_told_so(tmp_path, paused_worker):
    with pytest.raises(RunBusyError, match=f"another process is working on the run '{SPEC.name}'"):
        work(tmp_path)
    assert [run.status for run in list_runs(tmp_path)] == ["running"]
    other = dataclasses.replace(SPEC, config={"seed": 1})
    with open_run(tmp_path, other) as run:
        assert not run.finished


def test_a_finished_run_answers_without_being_touched(tmp_path):
    assert work(tmp_path) == [0, 1, 2, 3]
    folder = tmp_path / SPEC.name
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    assert work(tmp_path) == []
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_writing_into_a_finished_run_is_refused(tmp_path):
    work(tmp_path)
    with open_run(tmp_path, SPEC) as run, pytest.raises(RuntimeError, match="finished before"):
        run.write_part(0, part(0))


def test_the_manifest_holds_what_was_asked_and_how_it_went(tmp_path):
    spec = dataclasses.replace(
        SPEC,
        inputs={"data": "d", "model": "abc"},
        model={"id": "tiny", "weights_sha256": "abc"},
        parents=("heads-exact-00000000",),
        details={"device": "cpu"},
    )
    with open_run(tmp_path, spec) as run:
        assert read_manifest(run.path)["status"] == "running"
        run.write_part(0, part(0))
        run.merge_parts("scores.parquet", counts={"ok": 2})
    manifest = read_manifest(run.path)
    assert manifest["status"] == "finished"
    assert manifest["counts"] == {"ok": 2}
    assert manifest["config"] == {"seed": 0}
    assert manifest["inputs"] == {"data": "d", "model": "abc"}
    assert manifest["model"]["id"] == "tiny"
    assert manifest["parents"] == ["heads-exact-00000000"]
    assert manifest["details"] == {"device": "cpu"}
    assert {"python", "circuit-workbench", "torch", "transformers"} <= manifest["versions"].keys()


def test_a_failure_is_recorded_with_its_reason_and_can_be_resumed(tmp_path):
    def fail(run):
        run.write_part(0, part(0))
        raise KeyError("column")

    with pytest.raises(KeyError), open_run(tmp_path, SPEC) as run:
        fail(run)
    (summary,) = list_runs(tmp_path)
    assert summary.status == "failed"
    assert summary.reason == "KeyError: 'column'"
    assert work(tmp_path) == [1, 2, 3]
    assert list_runs(tmp_path)[0].reason == ""


def test_an_interrupted_run_keeps_its_start_and_adds_up_its_time(tmp_path):
    def interrupt():
        time.sleep(0.05)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), open_run(tmp_path, SPEC) as run:
        interrupt()
    first = read_manifest(run.path)
    assert first["status"] == "interrupted"
    assert first["seconds"] >= 0.05
    work(tmp_path)
    second = read_manifest(run.path)
    assert second["created"] == first["created"]
    assert second["started"] > first["started"]
    assert second["seconds"] >= first["seconds"]


def test_results_hold_nothing_of_the_time_they_were_made(tmp_path):
    spec = dataclasses.replace(SPEC, result_name="heads.json")
    results = []
    for root in (tmp_path / "a", tmp_path / "b"):
        with open_run(root, spec) as run:
            results.append(run.finish_json("heads.json", {"b": 1, "a": [0.1]}).read_bytes())
        assert run.finished
    assert results[0] == results[1]


def test_a_missing_part_is_no_silent_loss(tmp_path):
    with open_run(tmp_path, SPEC) as run:
        run.write_part(0, part(0))
        run.write_part(2, part(2))
        with pytest.raises(ValueError, match=r"2 parts in .* expected 0 to 1"):
            run.merge_parts("scores.parquet")
        with pytest.raises(ValueError, match="expected 0 to 2"):
            run.merge_parts("scores.parquet", n_parts=3)
        assert not run.finished


def test_a_named_series_is_merged_apart_from_the_main_result(tmp_path):
    with open_run(tmp_path, SPEC) as run:
        run.write_part(0, part(0))
        run.write_part(0, pa.table({"step": [7]}), series="steps")
        assert run.has_part(0, series="steps")
        run.merge_parts("steps.parquet", series="steps")
        assert not run.finished
        run.merge_parts("scores.parquet")
    assert pq.read_table(run.path / "steps.parquet").to_pydict() == {"step": [7]}
    assert pq.read_table(run.result).to_pydict() == {"row": [0, 1]}


def test_only_the_result_finishes_a_run(tmp_path):
    spec = dataclasses.replace(SPEC, result_name="heads.json")
    with open_run(tmp_path, spec) as run:
        run.write_json("summary.json", {"a": 1})
        assert not run.finished
        with pytest.raises(ValueError, match="finish_json"):
            run.write_json("heads.json", {})
        with pytest.raises(ValueError, match=r"not 'x\.json'"):
            run.finish_json("x.json", {})
        with pytest.raises(ValueError, match="not JSON compliant"):
            run.finish_json("heads.json", {"delta": float("nan")})
        assert not run.finished
    assert read_manifest(run.path)["status"] == "interrupted"


def test_a_file_where_the_root_should_be_is_an_input_error(tmp_path):
    (tmp_path / "runs").write_text("")
    with (
        pytest.raises(InputError, match=r"cannot be written .* --runs DIR"),
        open_run(tmp_path / "runs", SPEC),
    ):
        pass


def test_a_read_only_root_is_an_input_error(tmp_path, monkeypatch):
    def refuse(self, *args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with (
        pytest.raises(InputError, match=r"cannot be written \(Permission denied\)"),
        open_run(tmp_path / "runs", SPEC),
    ):
        pass


def test_a_disk_that_fills_up_in_the_middle_stops_with_one_sentence(tmp_path):
    def fill_up(run):
        run.write_part(0, part(0))
        # Every write to /dev/full fails as on a full disk.
        (run.path / "parts" / "00001.parquet.tmp").symlink_to("/dev/full")
        run.write_part(1, part(1))

    with pytest.raises(InputError, match="No space left"), open_run(tmp_path, SPEC) as run:
        fill_up(run)
    assert not (run.path / "parts" / "00001.parquet").exists()
    assert work(tmp_path) == [1, 2, 3]


def test_a_torn_manifest_does_not_stop_a_resume(tmp_path):
    with open_run(tmp_path, SPEC) as run:
        run.write_part(0, part(0))
    (run.path / "manifest.json").write_text('{"stage": ')
    assert work(tmp_path) == [1, 2, 3]
    assert json.loads((run.path / "manifest.json").read_text())["status"] == "finished"


def test_importing_runs_does_not_import_torch():
    code = "import sys, workbench.runs; print('torch' in sys.modules, 'pandas' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
