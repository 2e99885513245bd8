"""Jobs: one heavy one at a time, told by files alone, ended as a group."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from filelock import FileLock

from apps.jobs import job as jobs

REPOSITORY = Path(__file__).resolve().parents[3]
SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
SPEAK = [sys.executable, "-c", "import json; print(json.dumps({'run': 'x'}))"]


def until(condition, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture
def root(tmp_path):
    yield tmp_path
    for job in jobs.every_job(tmp_path):
        jobs.cancel_job(job)
    until(lambda: not any(job.is_active for job in jobs.every_job(tmp_path)))


def status(root, job) -> str:
    return next(j.status for j in jobs.every_job(root) if j.folder == job.folder)


def test_a_job_tells_what_its_command_printed(root):
    job = jobs.start_job(root, "score", SPEAK, title="Scores", key="k1")
    until(lambda: status(root, job) == "finished")
    assert jobs.find_job(root, "k1").output() == {"run": "x"}


def test_a_failed_job_tells_what_went_wrong(root):
    argv = [sys.executable, "-c", "import sys; sys.exit('no such model')"]
    job = jobs.start_job(root, "score", argv, title="Scores")
    until(lambda: status(root, job) == "failed")
    assert "no such model" in jobs.every_job(root)[0].log()


def test_heavy_jobs_wait_for_one_another_and_light_ones_do_not(root):
    first = jobs.start_job(root, "heads", SLEEP, title="a", heavy=True)
    second = jobs.start_job(root, "score", SPEAK, title="b", heavy=True)
    light = jobs.start_job(root, "plan", SPEAK, title="c")
    until(lambda: status(root, first) == "running")
    until(lambda: status(root, light) == "finished")
    assert status(root, second) == "queued"
    jobs.cancel_job(first)
    until(lambda: status(root, second) == "finished")
    assert status(root, first) == "cancelled"


def test_a_queued_job_can_be_cancelled(root):
    first = jobs.start_job(root, "heads", SLEEP, title="a", heavy=True)
    second = jobs.start_job(root, "score", SLEEP, title="b", heavy=True)
    until(lambda: status(root, first) == "running")
    jobs.cancel_job(second)
    until(lambda: status(root, second) == "cancelled")
    assert status(root, first) == "running"


def test_cancelling_ends_the_children_of_the_command_too(root):
    code = (
        "import subprocess, sys, time; "
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
        "print(p.pid, flush=True); time.sleep(60)"
    )
    job = jobs.start_job(root, "score", [sys.executable, "-c", code], title="a", heavy=True)
    until(lambda: (job.folder / "out.txt").is_file() and (job.folder / "out.txt").read_text())
    child = int((job.folder / "out.txt").read_text())
    jobs.cancel_job(job)
    until(lambda: status(root, job) == "cancelled")
    until(lambda: not is_alive(child))


def is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_killed_runner_leaves_no_job_that_seems_to_work(root):
    job = jobs.start_job(root, "score", SLEEP, title="a", heavy=True)
    until(lambda: status(root, job) == "running")
    os.killpg(int((job.folder / "pid").read_text()), 9)
    until(lambda: status(root, job) == "failed")


def test_progress_is_that_of_the_run_the_job_works_on(root, monkeypatch):
    job = jobs.start_job(root, "score", SLEEP, title="a", heavy=True)
    until(lambda: status(root, job) == "running")
    (job,) = jobs.every_job(root)
    from tests.apps.test_missing import manifest_of

    for name, started in (("old", 0.0), ("new", time.time() + 1)):
        folder = root / f"score-{name}"
        folder.mkdir()
        when = datetime.fromtimestamp(started, UTC).isoformat()
        manifest = manifest_of("score-random", started=when)
        (folder / "manifest.json").write_text(json.dumps(manifest))
        event = {"time": time.time() + 2, "done": 3, "total": 4, "message": name}
        (folder / "events.jsonl").write_text(json.dumps(event) + "\n")
    monkeypatch.setattr("workbench.runs.listing._is_locked", lambda folder: True)
    progress = jobs.progress_of(root, job)
    assert (progress.done, progress.total, progress.message) == (3, 4, "new")


def test_a_run_that_has_no_manifest_yet_tells_no_progress(tmp_path):
    folder = tmp_path / "score-new"
    folder.mkdir()
    job = jobs.Job(tmp_path, "score", "a", (), True, 0.0, "running", started=0.0)
    with FileLock(folder / ".lock"):
        assert jobs.progress_of(tmp_path, job) is None


def test_a_job_ends_where_there_are_no_process_groups(root, monkeypatch):
    """As on Windows: the runner has no `os.killpg` either, and no signal is sent."""
    started = subprocess.Popen
    windows = "import os, sys; del os.killpg; from apps.jobs import runner; "
    run = windows + "sys.exit(runner.main(__import__('pathlib').Path(sys.argv[1])))"

    def without_groups(argv, **options):
        return started([sys.executable, "-c", run, argv[-1]], cwd=REPOSITORY, **options)

    monkeypatch.setattr(jobs.subprocess, "Popen", without_groups)
    monkeypatch.setattr(jobs.runner, "HAS_GROUPS", False)
    monkeypatch.delattr(os, "killpg")
    job = jobs.start_job(root, "score", SLEEP, title="a", heavy=True)
    until(lambda: status(root, job) == "running")
    jobs.cancel_job(job)
    until(lambda: status(root, job) == "cancelled")
    assert json.loads((job.folder / "ended.json").read_text())["code"] == 130
