"""Rows kept or dropped by hand, remembered with the run: `marks.json` in its folder.

Runs of the bundled demo are never changed; their marks lie with the reader's own runs.

set_mark(marks_path(run), "row-17", KEEP)
"""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path

from filelock import FileLock

from apps.reading.runs import FoundRun
from apps.reading.workspace import demo_roots, own_root
from workbench.data import atomic_file
from workbench.selection import read_marks

MARKS = "marks.json"


def marks_path(run: FoundRun) -> Path:
    """Where the marks of a run are written."""
    return own_root() / ".marks" / f"{run.name}.json" if is_demo(run) else run.folder / MARKS


def beside(run: FoundRun, name: str) -> Path:
    """Where something else that a reader adds to a run is written."""
    if is_demo(run):
        return own_root() / ".marks" / f"{name}-{run.name}.json"
    return run.folder / f"{name}.json"


def is_demo(run: FoundRun) -> bool:
    folder = run.folder.resolve()
    return any(folder.is_relative_to(demo.resolve()) for demo in demo_roots())


def set_mark(path: Path, row_id: str, mark: str | None) -> None:
    """Remember a mark, or forget it with None."""
    set_marks(path, [row_id], mark)


def set_marks(path: Path, row_ids: Collection[str], mark: str | None) -> None:
    """The same for many rows; sessions that do so at once take turns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        marks = read_marks(path)
        for row_id in row_ids:
            if mark is None:
                marks.pop(row_id, None)
            else:
                marks[row_id] = mark
        with atomic_file(path) as file:
            file.write(json.dumps(marks, indent=1, sort_keys=True, ensure_ascii=False).encode())
