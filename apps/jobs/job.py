"""Long work: the command line in a process group of its own, told about by files alone.

A job outlives the page, the browser and the server, and every browser sees the same ones. One heavy
job works at a time, the next ones queue in the order in which they were asked for.

job = start_job(root, "score", argv, title="Scores of gsm8k")
every_job(root)[0].status, cancel_job(job)
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from apps.jobs import runner
from apps.jobs.runner import CANCEL, ENDED, JOB, LOG, OUT, STARTED, is_going
from workbench.config import canonical_json
from workbench.data import atomic_file
from workbench.runs import LastProgress, list_runs, read_events, read_manifest

JOBS = ".jobs"
# Not from the current folder: a file there must not take the place of a package.
COMMAND = (sys.executable, "-P", "-c", "from workbench.cli.main import main; main()")
PID = "pid"
KEPT = 50
TAIL_BYTES = 4_000


@dataclass(frozen=True)
class Job:
    """One job as its folder tells; `status` is queued, running, finished, cancelled or failed."""

    folder: Path
    stage: str
    title: str
    argv: tuple[str, ...]
    heavy: bool
    asked: float
    status: str
    started: float | None = None

    @property
    def is_active(self) -> bool:
        return self.status in ("queued", "running")

    def output(self) -> dict[str, Any]:
        """The JSON object that the command printed; empty if it printed none."""
        try:
            content = json.loads((self.folder / OUT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def log(self) -> str:
        """The end of what the command said on stderr."""
        try:
            content = (self.folder / LOG).read_bytes()[-TAIL_BYTES:]
        except OSError:
            return ""
        return content.decode(errors="replace").strip()


def start_job(
    root: Path, stage: str, argv: Sequence[str], *, title: str, heavy: bool = False, key: str = ""
) -> Job:
    """Write the job down and start its runner."""
    name = f"{time.time_ns():020d}-{stage}{'-' + key if key else ''}"
    folder = root / JOBS / name
    folder.mkdir(parents=True)
    _forget_old(root)
    content = {"stage": stage, "title": title, "argv": list(argv), "heavy": heavy}
    with atomic_file(folder / JOB) as file:
        file.write(canonical_json(content).encode())
    process = subprocess.Popen(
        [sys.executable, "-P", str(Path(runner.__file__)), str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    (folder / PID).write_text(str(process.pid))
    # Its end has to be taken note of, or the system keeps the process listed.
    threading.Thread(target=process.wait, daemon=True).start()
    return read_job(folder)


def every_job(root: Path) -> list[Job]:
    """All jobs, newest first."""
    folders = (root / JOBS).glob("*-*") if (root / JOBS).is_dir() else ()
    return [read_job(path) for path in sorted(folders, reverse=True) if (path / JOB).is_file()]


def find_job(root: Path, key: str) -> Job | None:
    """The newest job that was started with `key`."""
    return next((job for job in every_job(root) if job.folder.name.endswith(f"-{key}")), None)


def read_job(folder: Path) -> Job:
    content = json.loads((folder / JOB).read_text(encoding="utf-8"))
    started = folder / STARTED
    return Job(
        folder=folder,
        stage=content["stage"],
        title=content["title"],
        argv=tuple(content["argv"]),
        heavy=content["heavy"],
        asked=(folder / JOB).stat().st_mtime,
        status=_status(folder),
        started=started.stat().st_mtime if started.is_file() else None,
    )


def _status(folder: Path) -> str:
    if is_going(folder):
        return "running" if (folder / STARTED).is_file() else "queued"
    try:
        code = json.loads((folder / ENDED).read_text(encoding="utf-8"))["code"]
    except (OSError, ValueError, KeyError):
        code = None
    if code == 0:
        return "finished"
    return "cancelled" if (folder / CANCEL).is_file() else "failed"


def cancel_job(job: Job) -> None:
    """End the job's process group; the command stops by itself and its run can go on later.

    Where there are no such groups (Windows) the runner sees the note and ends the command.
    """
    try:
        pid = int((job.folder / PID).read_text())
    except (OSError, ValueError):
        return
    (job.folder / CANCEL).touch()
    # The lock tells that this is still the runner, and not another process of the same number.
    if is_going(job.folder) and runner.HAS_GROUPS:
        try:
            os.killpg(pid, signal.SIGINT)
        except ProcessLookupError:
            return


def progress_of(root: Path, job: Job) -> LastProgress | None:
    """Where the run stands that a running job works on."""
    if job.status != "running" or job.started is None:
        return None
    for run in list_runs(root):
        # One that has just begun has no manifest yet.
        if run.status != "running" or not run.created:
            continue
        began = str(read_manifest(run.path)["started"])
        if datetime.fromisoformat(began).timestamp() >= job.started - 1:
            return read_events(run.path, since=began)
    return None


def _forget_old(root: Path) -> None:
    for job in every_job(root)[KEPT:]:
        if not job.is_active:
            shutil.rmtree(job.folder, ignore_errors=True)
