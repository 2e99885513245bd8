"""A selection as a dataset folder: data, dataset card, provenance, and files for trainers.

summary = export_selection(samples, selection, out, format="messages", provenance={}, name="sums")
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from workbench.config import canonical_json, file_digest, finite_or_none
from workbench.data import FORMATS, Written, to_format, write_jsonl, write_parquet
from workbench.errors import InputError
from workbench.selection.card import Contents, dataset_card
from workbench.selection.folder import new_folder
from workbench.selection.layout import Layout, row_layout, shape_of_export
from workbench.selection.trainers import trainer_files
from workbench.types import BadRow, Sample

RECORD = "provenance.json"
MARKS = ("_score", "_p", "_rank", "_row_id", "_repeat")
FORMS = ("subset", "repeat-weight")
# The paper adds the selected part on top of the corpus.
REPEATS = 2


class Mark(NamedTuple):
    """What the selection says about one row."""

    score: float | None
    p: float
    rank: int


@dataclass
class Tally:
    """What has passed by while the rows stream: counted, because they are read only once."""

    n_input: int = 0
    n_bad: int = 0
    before: dict[str, int] = field(default_factory=dict)
    after: dict[str, int] = field(default_factory=dict)
    layouts: set[Layout | None] = field(default_factory=set)


def export_selection(
    samples: Iterable[Sample | BadRow],
    selection: pd.DataFrame,
    out: Path,
    *,
    format: str = "jsonl",
    form: str = "subset",
    provenance: Mapping[str, Any],
    name: str,
    scores: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Write the selected of `samples`, in their order, as a dataset folder `out`.

    With the form `repeat-weight` every readable row is written, with a column `_repeat`: 2 for the
    selected, 1 for all others, whose `_score` is looked up in `scores` (AttentionInfluence, arXiv
    2505.07293, trains on the corpus with the selected part on top).

    `selection` has the columns of `selection.parquet`; `provenance` must be JSON-able, and with
    equal arguments every byte is equal. Returns `out`, `format`, `as`, `data_file`, `counts`,
    `files` (path -> sha256) and `json_columns` (Parquet columns that had to become JSON text).
    Raises `InputError` if a selected row is not among the samples or `out` holds foreign files.
    """
    if format not in FORMATS:
        raise InputError(f"format is '{format}'", expected=f"one of {', '.join(FORMATS)}")
    if form not in FORMS:
        raise InputError(f"the form is '{form}'", expected=f"one of {', '.join(FORMS)}")
    marks, repeats = _marks(selection), form == "repeat-weight"
    data_file = "data.parquet" if format == "parquet" else "data.jsonl"
    tally = Tally()
    with new_folder(out, record=RECORD) as folder:
        rows = _rows(samples, marks, format, tally, others=(scores or {}) if repeats else None)
        written = _write_data(folder / data_file, rows)
        layout = _single_layout(tally.layouts, written)
        contents = Contents(
            name=name,
            data_file=data_file,
            format=format,
            n_input=tally.n_input,
            n_selected=len(marks),
            sources={s: (n, tally.after.get(s, 0)) for s, n in tally.before.items()},
            has_trainers=layout is not None,
            repeats=repeats,
        )
        _write_texts(folder, contents, provenance, layout)
        counts = {"input": tally.n_input, "bad": tally.n_bad, "selected": len(marks)}
        if repeats:
            counts["written"] = written.n_rows
        files = _digests(folder)
        record = {**provenance, "name": name, "format": format, "as": form}
        record |= {"counts": counts, "files": files}
        (folder / RECORD).write_text(_pretty(record), encoding="utf-8")
    return {
        "out": str(out),
        "format": format,
        "as": form,
        "data_file": data_file,
        "counts": counts,
        "files": files,
        "json_columns": list(written.json_columns),
    }


def _marks(selection: pd.DataFrame) -> dict[str, Mark]:
    columns = [selection[name] for name in ("row_id", "score", "p", "rank")]
    marks = {
        str(row_id): Mark(finite_or_none(float(score)), float(p), int(rank))
        for row_id, score, p, rank in zip(*columns, strict=True)
    }
    if not marks or len(marks) < len(selection):
        what = "holds no rows" if selection.empty else "names a row_id more than once"
        raise InputError(f"the selection {what}", do="run workbench select again")
    return marks


def _rows(
    samples: Iterable[Sample | BadRow],
    marks: dict[str, Mark],
    fmt: str,
    tally: Tally,
    *,
    others: Mapping[str, float] | None,
) -> Iterator[dict[str, Any]]:
    """The selected rows in the chosen format; `InputError` at the end if any did not turn up.

    With the scores of the `others` these are written too, and each row with its `_repeat`.
    """
    missing = dict(marks)
    for sample in samples:
        tally.n_input += 1
        tally.before[sample.source] = tally.before.get(sample.source, 0) + 1
        if isinstance(sample, BadRow):
            tally.n_bad += 1
            continue
        mark = missing.pop(sample.row_id, None)
        if mark is not None:
            tally.after[sample.source] = tally.after.get(sample.source, 0) + 1
        elif others is None:
            continue
        row = to_format(sample, fmt)
        tally.layouts.add(row_layout(row, shape_of_export(sample, fmt)))
        repeat = {} if others is None else {"_repeat": 1 if mark is None else REPEATS}
        mark = mark or Mark((others or {}).get(sample.row_id), 0.0, 0)
        yield _marked(row, sample.row_id, mark) | repeat
    if missing:
        raise InputError(
            f"{len(missing)} of {len(marks)} selected rows are not in the data "
            f"(first: row_id '{next(iter(missing))}')",
            expected="the data that was scored",
            do="pass the same data, or score and select again",
        )


def _marked(row: dict[str, Any], row_id: str, mark: Mark) -> dict[str, Any]:
    # An export can itself be selected from: the earlier marks are then original columns.
    kept = {f"original{key}" if key in MARKS else key: value for key, value in row.items()}
    return kept | {"_score": mark.score, "_p": mark.p, "_rank": mark.rank, "_row_id": row_id}


def _write_data(path: Path, rows: Iterator[dict[str, Any]]) -> Written:
    return write_parquet(path, rows) if path.suffix == ".parquet" else write_jsonl(path, rows)


def _single_layout(layouts: set[Layout | None], written: Written) -> Layout | None:
    """The layout of all rows; None if there are several or a column of it became JSON text."""
    if len(layouts) != 1:
        return None
    (layout,) = layouts
    if layout is None:
        return None
    is_plain = set(vars(layout).values()).isdisjoint(written.json_columns)
    return layout if is_plain else None


def _write_texts(
    folder: Path, contents: Contents, provenance: Mapping[str, Any], layout: Layout | None
) -> None:
    (folder / "README.md").write_text(dataset_card(contents, provenance), encoding="utf-8")
    if layout is None:
        return
    (folder / "trainers").mkdir()
    texts = trainer_files(
        layout, data_file=contents.data_file, name=contents.name, repeats=contents.repeats
    )
    for file_name, text in texts.items():
        (folder / "trainers" / file_name).write_text(text, encoding="utf-8")


def _digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): file_digest(path) for path in files}


def _pretty(value: Any) -> str:
    plain = json.loads(canonical_json(value))
    return json.dumps(plain, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
