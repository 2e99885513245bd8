"""Rows chosen by hand: `marks.json`, an object of row ids and `keep` or `drop`.

marks = read_marks(Path("runs/score-circuitseer-1a2b3c4d/marks.json"))
marked(marks, KEEP)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from workbench.errors import InputError

KEEP, DROP = "keep", "drop"


def read_marks(path: Path) -> dict[str, str]:
    """Row id to `keep` or `drop`; empty if there is no file, `InputError` if it is none of ours."""
    if not path.is_file():
        return {}
    marks: dict[str, str] = {}
    try:
        marks = json.loads(path.read_text(encoding="utf-8"))
        is_sound = isinstance(marks, dict) and set(map(str, marks.values())) <= {KEEP, DROP}
    except (ValueError, RecursionError):
        is_sound = False
    if not is_sound:
        raise InputError(
            f"'{path}' holds no marks",
            expected='a JSON object of row ids and "keep" or "drop"',
            do="remove it to begin anew",
        )
    return marks


def marked(marks: Mapping[str, str], mark: str) -> tuple[str, ...]:
    """The row ids with this mark, in order."""
    return tuple(sorted(row_id for row_id, value in marks.items() if value == mark))
