"""Labels and notes of a reader for rows, remembered with the run: `labels.json` beside the marks.

label_rows(labels_path(run), ["row-17"], "wrong answer")
read_labels(labels_path(run))["row-17"].labels
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock

from apps.reading.marks import beside
from apps.reading.runs import FoundRun
from workbench.data import atomic_file
from workbench.errors import InputError

LABELS = "labels"


class Labelled(NamedTuple):
    """What a reader says of one row."""

    labels: tuple[str, ...] = ()
    note: str = ""


def labels_path(run: FoundRun) -> Path:
    """Where the labels of a run are written; those of the demo lie with the reader's own runs."""
    return beside(run, LABELS)


def read_labels(path: Path) -> dict[str, Labelled]:
    """By row id; empty if there is no file, `InputError` if it is none of ours."""
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {str(k): Labelled(tuple(v["labels"]), str(v["note"])) for k, v in content.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as err:
        raise InputError(f"'{path}' holds no labels", do="remove it to begin anew") from err


def labels_in(own: Mapping[str, Labelled]) -> list[str]:
    """Every label that is in use."""
    return sorted({label for of in own.values() for label in of.labels})


def label_rows(path: Path, row_ids: Collection[str], label: str, *, remove: bool = False) -> None:
    """Give a label to rows, or take it from them."""

    def change(of: Labelled) -> Labelled:
        rest = tuple(name for name in of.labels if name != label)
        return of._replace(labels=rest if remove else (*rest, label))

    _change(path, row_ids, change)


def set_labels(path: Path, row_id: str, labels: Collection[str]) -> None:
    """Replace the labels of one row."""
    _change(path, [row_id], lambda of: of._replace(labels=tuple(labels)))


def set_note(path: Path, row_id: str, note: str) -> None:
    _change(path, [row_id], lambda of: of._replace(note=note.strip()))


def _change(path: Path, row_ids: Collection[str], change: Callable[[Labelled], Labelled]) -> None:
    """Sessions that change the file at once take turns; a row without anything leaves it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        known = read_labels(path)
        known |= {row_id: change(known.get(row_id, Labelled())) for row_id in row_ids}
        kept = {row_id: of._asdict() for row_id, of in known.items() if of != Labelled()}
        with atomic_file(path) as file:
            file.write(json.dumps(kept, indent=1, sort_keys=True, ensure_ascii=False).encode())
