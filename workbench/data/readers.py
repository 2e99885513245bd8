"""Samples out of any source, one at a time, in a fixed order.

for sample in read_samples(["gsm8k", "my/*.jsonl"]): ...
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping, Sequence

from workbench.config import digest
from workbench.data.files import read_records
from workbench.data.plain import plain
from workbench.data.records import Record
from workbench.data.rows import row_id, row_source, shape_of, to_samples
from workbench.data.seen import SeenIds
from workbench.data.shapes import Shapes
from workbench.data.sources import (
    HUB_PREFIX,
    hub_error,
    hub_revision,
    parse_hub_source,
    resolve_source,
    source_name,
)
from workbench.data.tally import Tally
from workbench.data.values import MalformedRow
from workbench.errors import InputError
from workbench.options import RECOGNISED, ReadOptions
from workbench.types import BadRow, Sample


def read_samples(
    sources: Sequence[str], how: ReadOptions = RECOGNISED, *, tally: Tally | None = None
) -> Iterator[Sample | BadRow]:
    """Every row of `sources`: a `Sample`, or a `BadRow` with the reason it is none.

    `how` names columns that are not to be recognised, and says whether a line of a `.txt` file is a
    document; what is read is counted in `tally`.

    A source is a bundled name, a path, a glob or `hf:owner/name[:config][:split]`; `row_index`
    runs on over all of them. Ids are unique: a second row of the same id gets `#<row_index>`
    behind it. Sources that do not exist are refused at once, before the first row is asked for;
    unreadable files, and sources without any row, when reading reaches them.
    """
    shapes = Shapes(how)
    chosen = [sources] if isinstance(sources, str) else list(sources)
    if not chosen:
        raise InputError("no data was named", do="pass a bundled name, a file or hf:owner/name")
    named_records = [pair for source in chosen for pair in _open(source, how)]
    return _samples(chosen, named_records, shapes, tally)


def _open(source: str, how: ReadOptions) -> list[tuple[str, Iterator[Record]]]:
    if source.startswith(HUB_PREFIX):
        return [(parse_hub_source(source).repo, _hub_records(source))]
    return [
        (source_name(source, path), read_records(path, text_lines=how.text_lines))
        for path in resolve_source(source)
    ]


def _samples(
    sources: list[str],
    named_records: list[tuple[str, Iterator[Record]]],
    shapes: Shapes,
    tally: Tally | None,
) -> Iterator[Sample | BadRow]:
    seen, index = SeenIds(), 0
    for name, records in named_records:
        for record in records:
            for row in _rows_of(record, index, name, shapes):
                if tally is not None:
                    tally.add(row, None if isinstance(row, BadRow) else shape_of(row.row, shapes))
                yield _with_unseen_id(row, seen)
                index += 1
    if index == 0:
        raise InputError(
            f"no rows in {', '.join(repr(source) for source in sources)}",
            expected="at least one row",
            do="check that the files are the ones you mean",
        )


def _rows_of(
    record: Record, index: int, name: str, shapes: Shapes
) -> tuple[Sample, ...] | tuple[BadRow]:
    if record.fault:
        raw_id = hashlib.sha256(record.raw).hexdigest()
        return (BadRow(raw_id, index, name, f"{record.place}: {record.fault}"),)
    try:
        return to_samples(record.row, index, name, shapes)
    except MalformedRow as err:
        reason = f"{record.place}: {err.reason}"
    if not isinstance(record.row, Mapping):
        return (BadRow(digest(plain(record.row)), index, name, reason),)
    return (BadRow(row_id(record.row), index, row_source(record.row, name), reason),)


def _with_unseen_id(sample: Sample | BadRow, seen: SeenIds) -> Sample | BadRow:
    unique = sample.row_id
    while not seen.add(unique):
        unique = f"{unique}#{sample.row_index}"
    return sample if unique == sample.row_id else dataclasses.replace(sample, row_id=unique)


def _hub_records(source: str) -> Iterator[Record]:
    hub = parse_hub_source(source)
    try:
        from datasets import load_dataset
    except ImportError as err:
        raise InputError(
            f"'{source}' needs the package 'datasets', which is not installed",
            do="pip install circuit-workbench[train]",
        ) from err
    try:
        rows = load_dataset(
            hub.repo,
            hub.config,
            split=hub.split,
            revision=hub_revision(hub.repo),
            streaming=True,
        )
        for number, row in enumerate(rows, start=1):
            yield Record(f"row {number}", row)
    except InputError:
        raise
    except Exception as err:
        # Several libraries work below this one, each with errors of its own kind.
        raise hub_error(source, err) from err
