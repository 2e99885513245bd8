"""Runs one job of the app: waits for its turn, then the command, then says how it ended.

It leads a process group of its own, outlives the browser and the server, and holds the job's lock
as long as it lives. Started by `jobs.py` as `python -P job_runner.py FOLDER`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from filelock import FileLock, Timeout

JOB, LOCK, STARTED, ENDED, CANCEL = "job.json", "lock", "started", "ended.json", "cancel"
OUT, LOG = "out.txt", "log.txt"
PAUSE = 0.3
# A job that has just been asked for may not hold its lock yet.
STARTING_SECONDS = 20
# How long the command may take to stop by itself before it is killed.
GRACE_SECONDS = 20
# Without process groups (Windows) no signal reaches the command; it looks for the note of a cancel.
HAS_GROUPS = hasattr(os, "killpg")
INTERRUPTED = 130


class Cancelled(Exception):  # noqa: N818 - what has happened, not a failure
    """Someone asked for the job to end."""


def main(folder: Path) -> int:
    """Hold the lock, wait for the turn, run the command; returns its exit status."""
    signal.signal(signal.SIGINT, _cancel)
    signal.signal(signal.SIGTERM, _cancel)
    job = json.loads((folder / JOB).read_text(encoding="utf-8"))
    with FileLock(folder / LOCK):
        try:
            # A signal that came before the handlers were set is lost; the file is not.
            while not (folder / CANCEL).is_file() and job["heavy"] and earlier_jobs(folder):
                time.sleep(PAUSE)
            if (folder / CANCEL).is_file():
                raise Cancelled
            (folder / STARTED).write_text(_now())
            code = _run(folder, job["argv"])
        except Cancelled:
            code = INTERRUPTED
        _write(folder / ENDED, {"code": code, "time": _now()})
    return code


def earlier_jobs(folder: Path) -> list[Path]:
    """Heavy jobs that were asked for before this one and have not ended."""
    before = sorted(path for path in folder.parent.iterdir() if path.name < folder.name)
    return [
        path for path in before if (path / JOB).is_file() and is_going(path) and _is_heavy(path)
    ]


def is_going(folder: Path) -> bool:
    """Whether the job waits or works: it has not ended, and its runner lives."""
    if (folder / ENDED).is_file() or not (folder / JOB).is_file():
        return False
    if (
        time.time() - (folder / JOB).stat().st_mtime < STARTING_SECONDS
        and not (folder / LOCK).is_file()
    ):
        return True
    try:
        with FileLock(folder / LOCK, timeout=0):
            return False
    except Timeout:
        return True


def _is_heavy(folder: Path) -> bool:
    try:
        return bool(json.loads((folder / JOB).read_text(encoding="utf-8"))["heavy"])
    except (OSError, ValueError, KeyError):
        return False


def _run(folder: Path, argv: list[str]) -> int:
    with (folder / OUT).open("wb") as out, (folder / LOG).open("wb") as log:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=log)
        try:
            return child.wait() if HAS_GROUPS else _watched(child, folder)
        except Cancelled:
            # The signal went to the whole group: a second one would disturb its last words.
            if not HAS_GROUPS:
                child.terminate()
            try:
                child.wait(GRACE_SECONDS)
            except (subprocess.TimeoutExpired, Cancelled):
                child.kill()
                child.wait()
            return INTERRUPTED


def _watched(child: subprocess.Popen[bytes], folder: Path) -> int:
    """The child's exit status; `Cancelled` when a note says so."""
    while not (folder / CANCEL).is_file():
        try:
            return child.wait(PAUSE)
        except subprocess.TimeoutExpired:
            continue
    raise Cancelled


def _cancel(_signal: int, _frame: FrameType | None) -> None:
    raise Cancelled


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _write(path: Path, value: dict[str, object]) -> None:
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps(value), encoding="utf-8")
    temporary.replace(path)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
