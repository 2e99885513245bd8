"""Raw records out of files, one at a time: JSON lines, JSON, tables and documents.

A fault in one record is a record too, with its place in the file; a file that cannot be read at
all is an `InputError`.

    for record in read_records(Path("a.jsonl.gz")): ...
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from workbench.data.documents import read_document, read_lines
from workbench.data.records import BYTE_ORDER_MARK, Record, check_start, unreadable_file
from workbench.data.sources import file_suffix

ARROW_FILE_START = b"ARROW1"
TEXT = ".txt"
PARQUET_BATCH_ROWS = 256
CSV_FIELD_LIMIT = 64 * 2**20
MOST_NESTED = 200
"""Levels of lists and objects in a row: more than any data has, and fewer than a stack holds."""
NESTED = f"lists and objects more than {MOST_NESTED} deep in one another"
NO_VALUE = "a value that Python has none for"
SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
"""An escaped half of a pair; what is not escaped cannot be one in UTF-8."""
NESTS = frozenset({dict, list})


def read_records(path: Path, *, text_lines: bool = False) -> Iterator[Record]:
    """Every record of `path`, streamed; a `.json` file, perhaps one list, is read whole.

    A `.txt` file is one document; with `text_lines` each of its lines is.
    """
    suffix = file_suffix(path) or ""
    read = read_lines if text_lines and suffix == TEXT else READERS[suffix]
    try:
        yield from read(path)
    except (gzip.BadGzipFile, EOFError, zlib.error) as err:
        raise unreadable_file(path, f"it is not a sound gzip file ({err})") from err
    except OSError as err:
        raise unreadable_file(path, err.strerror or str(err)) from err


def _read_json_lines(path: Path) -> Iterator[Record]:
    check_start(path)
    with path.open("rb") as file:
        yield from _json_lines(file)


def _read_gzipped_json_lines(path: Path) -> Iterator[Record]:
    with gzip.open(path, "rb") as file:
        yield from _json_lines(file)


def _read_zstandard_json_lines(path: Path) -> Iterator[Record]:
    """Arrow's own codec, so that no other package is needed."""
    import pyarrow as pa

    try:
        with pa.CompressedInputStream(str(path), "zstd") as stream:
            yield from _json_lines(io.BufferedReader(stream))  # type: ignore[arg-type]
    except pa.ArrowException as err:
        raise unreadable_file(path, f"it is not a sound zstd file ({_first_line(err)})") from err


def _json_lines(lines: Iterable[bytes]) -> Iterator[Record]:
    for number, line in enumerate(lines, start=1):
        text = (line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line).strip()
        if text:
            record = _json_record(text, f"line {number}")
            yield _writable(record, text, is_escaped=SURROGATE.search(text) is not None)


def _json_record(raw: bytes, place: str) -> Record:
    try:
        return Record(place, json.loads(raw.decode()))
    except UnicodeDecodeError as err:
        return Record(place, fault=f"not UTF-8 (byte {err.start + 1})", raw=raw)
    except json.JSONDecodeError as err:
        line = f"line {err.lineno} " if b"\n" in raw else ""
        return Record(place, fault=f"not valid JSON ({err.msg}, {line}column {err.colno})", raw=raw)
    except (ValueError, RecursionError) as err:
        return Record(place, fault=f"not valid JSON ({err})", raw=raw)


def _writable(record: Record, raw: bytes, *, is_escaped: bool) -> Record:
    """The record, or its fault where later stages could not write it or would run out of stack."""
    if _is_deep(record.row):
        return Record(record.place, fault=NESTED, raw=raw)
    try:
        if is_escaped:
            json.dumps(record.row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return Record(record.place, fault="half a surrogate pair, which is not Unicode", raw=raw)
    return record


def _is_deep(row: Any) -> bool:
    if type(row) is dict and NESTS.isdisjoint(map(type, row.values())):
        return False
    level = [row]
    for _ in range(MOST_NESTED + 1):
        level = [
            item
            for value in level
            if isinstance(value, dict | list)
            for item in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return False
    return True


def _read_json(path: Path) -> Iterator[Record]:
    """One list of rows (perhaps as `data` of an object), one row, or JSON lines by another name."""
    check_start(path)
    content = path.read_bytes().removeprefix(BYTE_ORDER_MARK)
    if not content.strip():
        return
    whole, is_escaped = _json_record(content, "item 1"), SURROGATE.search(content) is not None
    rows = whole.row.get("data") if isinstance(whole.row, dict) else whole.row
    if isinstance(rows, list) and (rows is whole.row or isinstance((rows or [{}])[0], dict)):
        for number, row in enumerate(rows, start=1):
            place = f"item {number}"
            yield _writable(Record(place, row), place.encode(), is_escaped=is_escaped)
    elif not whole.fault:
        yield _writable(whole, content, is_escaped=is_escaped)
    elif content.lstrip().startswith(b"["):
        raise unreadable_file(path, f"it is {whole.fault}")
    else:
        yield from _json_lines(content.splitlines())


def _read_parquet(path: Path) -> Iterator[Record]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            _check_names(path, file.schema_arrow.names)
            yield from _table_rows(file.iter_batches(batch_size=PARQUET_BATCH_ROWS))
    except (pa.ArrowException, UnicodeDecodeError) as err:
        raise unreadable_file(path, f"it is not a sound Parquet file ({_first_line(err)})") from err


def _read_arrow(path: Path) -> Iterator[Record]:
    """Arrow's two forms: a stream, as `datasets` writes it, or a file that ends in an index."""
    import pyarrow as pa

    with path.open("rb") as file:
        start = file.read(len(ARROW_FILE_START))
    try:
        with pa.memory_map(str(path)) as source:
            if start == ARROW_FILE_START:
                reader = pa.ipc.open_file(source)
                batches = (reader.get_batch(i) for i in range(reader.num_record_batches))
            else:
                batches = reader = pa.ipc.open_stream(source)
            _check_names(path, reader.schema.names)
            yield from _table_rows(piece for batch in batches for piece in _pieces(batch))
    except (pa.ArrowException, UnicodeDecodeError) as err:
        raise unreadable_file(path, f"it is not a sound Arrow file ({_first_line(err)})") from err


def _pieces(batch: Any) -> Iterator[Any]:
    yield from (
        batch.slice(i, PARQUET_BATCH_ROWS) for i in range(0, len(batch), PARQUET_BATCH_ROWS)
    )


def _table_rows(batches: Iterable[Any]) -> Iterator[Record]:
    number = 0
    for batch in batches:
        for row in _python_rows(batch):
            number += 1
            place = f"row {number}"
            if isinstance(row, str):
                yield Record(place, fault=row, raw=place.encode())
            else:
                yield Record(place, row)


def _python_rows(batch: Any) -> Iterator[Any]:
    """The rows of a batch; the fault in place of one with a date of the year 292,000, say."""
    try:
        yield from batch.to_pylist()
    except (ValueError, OverflowError) as err:
        if len(batch) == 1:
            yield f"{NO_VALUE} ({_first_line(err)})"
            return
        for number in range(len(batch)):
            yield from _python_rows(batch.slice(number, 1))


def _read_csv(path: Path) -> Iterator[Record]:
    yield from _separated(path, ",")


def _read_tsv(path: Path) -> Iterator[Record]:
    yield from _separated(path, "\t")


def _separated(path: Path, separator: str) -> Iterator[Record]:
    check_start(path)
    csv.field_size_limit(CSV_FIELD_LIMIT)
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        rows = csv.reader(file, strict=True, delimiter=separator)
        try:
            header = _csv_header(path, next(rows, []))
            for cells in rows:
                if cells:
                    yield _csv_record(header, cells, f"line {rows.line_num}")
        except csv.Error as err:
            raise unreadable_file(path, f"line {rows.line_num} is not sound CSV ({err})") from err


def _csv_header(path: Path, header: list[str]) -> list[str]:
    _check_names(path, header)
    try:
        "".join(header).encode()
    except UnicodeEncodeError as err:
        raise unreadable_file(
            path, "its first line, the names of its columns, is not UTF-8"
        ) from err
    return header


def _check_names(path: Path, names: list[str]) -> None:
    if len(set(names)) < len(names):
        raise unreadable_file(path, "two of its columns have the same name")


def _csv_record(header: list[str], cells: list[str], place: str) -> Record:
    raw = "\x1f".join(cells).encode("utf-8", "surrogateescape")
    if len(cells) != len(header):
        return Record(place, fault=f"{len(cells)} fields, expected {len(header)}", raw=raw)
    try:
        raw.decode()
    except UnicodeDecodeError:
        return Record(place, fault="not UTF-8", raw=raw)
    return Record(place, dict(zip(header, cells, strict=True)))


def _first_line(err: Exception) -> str:
    return (str(err).splitlines() or [type(err).__name__])[0].rstrip(".")


READERS: dict[str, Callable[[Path], Iterator[Record]]] = {
    ".jsonl": _read_json_lines,
    ".jsonl.gz": _read_gzipped_json_lines,
    ".jsonl.zst": _read_zstandard_json_lines,
    ".ndjson": _read_json_lines,
    ".ndjson.gz": _read_gzipped_json_lines,
    ".ndjson.zst": _read_zstandard_json_lines,
    ".json": _read_json,
    ".parquet": _read_parquet,
    ".arrow": _read_arrow,
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    TEXT: read_document,
}
