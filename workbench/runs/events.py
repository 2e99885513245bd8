"""The progress of a run as one line of JSON an event: what the terminal bar and a page read.

log = EventLog(run_folder)
log.write(1, 3, "rows scored")
log.close()
read_events(run_folder).done
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from workbench.runs.files import writing

EVENTS = "events.jsonl"
MIN_SECONDS = 0.2
_TAIL_BYTES = 64 * 1024


@dataclass(frozen=True)
class LastProgress:
    """Where a run stands; `time` in seconds since the epoch, `eta_seconds` None when unknown."""

    done: int
    total: int
    message: str
    time: float
    eta_seconds: float | None


class EventLog:
    """Appends events, at most five a second; the first and the last are always written."""

    def __init__(self, folder: Path):
        self._path = folder / EVENTS
        self._last_written: float | None = None
        self._held_back: dict[str, Any] | None = None
        with writing(self._path):
            torn = self._path.exists() and _ends_torn(self._path)
            self._file = self._path.open("ab")
            if torn:
                self._file.write(b"\n")

    def write(self, done: int, total: int, message: str) -> None:
        event = {"time": round(time.time(), 3), "done": done, "total": total, "message": message}
        now = time.monotonic()
        due = self._last_written is None or now - self._last_written >= MIN_SECONDS
        if not due and done < total:
            self._held_back = event
            return
        self._last_written = now
        self._append(event)

    def close(self) -> None:
        """Write the event held back, if any: the file ends with where the work really stood."""
        try:
            if self._held_back is not None:
                self._append(self._held_back)
        finally:
            with writing(self._path):
                self._file.close()

    def _append(self, event: dict[str, Any]) -> None:
        self._held_back = None
        with writing(self._path):
            self._file.write(json.dumps(event, ensure_ascii=False).encode() + b"\n")
            self._file.flush()


def _ends_torn(path: Path) -> bool:
    """Whether a killed process left half a line, which the next event must not be glued to."""
    with path.open("rb") as file:
        if file.seek(0, 2) == 0:
            return False
        file.seek(-1, 2)
        return file.read(1) != b"\n"


def read_events(folder: Path, *, since: str | None = None) -> LastProgress | None:
    """The last progress of a run folder; None before the first event.

    `since` (ISO time, a manifest's `started`) leaves out earlier attempts at the same run. Torn
    and foreign lines are passed over. The estimate assumes the recent pace to go on.
    """
    start = datetime.fromisoformat(since).timestamp() if since else 0.0
    events = [event for event in _tail(folder / EVENTS) if event["time"] >= start]
    if not events:
        return None
    last = events[-1]
    return LastProgress(
        last["done"], last["total"], last["message"], last["time"], _remaining_seconds(events)
    )


def _tail(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        lines = file.read().splitlines()
    return [event for event in map(_parsed, lines) if event is not None]


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
        return {
            "time": float(event["time"]),
            "done": int(event["done"]),
            "total": int(event["total"]),
            "message": str(event["message"]),
        }
    except (ValueError, TypeError, KeyError):
        return None


def _remaining_seconds(events: list[dict[str, Any]]) -> float | None:
    last = events[-1]
    if last["done"] >= last["total"]:
        return 0.0
    first = last
    for event in reversed(events):
        # A change of total or a step back is another phase, with another pace.
        if event["total"] != last["total"] or event["done"] > first["done"]:
            break
        first = event
    n_done, seconds = last["done"] - first["done"], last["time"] - first["time"]
    if n_done <= 0 or seconds <= 0:
        return None
    return (last["total"] - last["done"]) * seconds / n_done
