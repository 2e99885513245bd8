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
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from workbench.data.sources import file_suffix
from workbench.errors import InputError

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
GZIP_START = b"\x1f\x8b"
ARROW_FILE_START = b"ARROW1"
UTF16_STARTS = (b"\xff\xfe", b"\xfe\xff")
PARQUET_BATCH_ROWS = 256
CSV_FIELD_LIMIT = 64 * 2**20


class Record(NamedTuple):
    """A row and its place in the file; or, with `fault`, the `raw` bytes that are no row."""

    place: str
    row: Any = None
    fault: str = ""
    raw: bytes = b""


def read_records(path: Path) -> Iterator[Record]:
    """Every record of `path`, streamed; a `.json` file, perhaps one list, is read whole."""
    try:
        yield from READERS[file_suffix(path) or ""](path)
    except (gzip.BadGzipFile, EOFError, zlib.error) as err:
        raise _unreadable(path, f"it is not a sound gzip file ({err})") from err
    except OSError as err:
        raise _unreadable(path, err.strerror or str(err)) from err


def _read_json_lines(path: Path) -> Iterator[Record]:
    _check_start(path)
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
        raise _unreadable(path, f"it is not a sound zstd file ({_first_line(err)})") from err


def _json_lines(lines: Iterable[bytes]) -> Iterator[Record]:
    for number, line in enumerate(lines, start=1):
        text = (line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line).strip()
        if text:
            yield _json_record(text, f"line {number}")


def _json_record(raw: bytes, place: str) -> Record:
    try:
        row = json.loads(raw.decode())
        if b"\\u" in raw:
            json.dumps(row, ensure_ascii=False).encode()
        return Record(place, row)
    except UnicodeDecodeError as err:
        return Record(place, fault=f"not UTF-8 (byte {err.start + 1})", raw=raw)
    except UnicodeEncodeError:
        return Record(place, fault="half a surrogate pair, which is not Unicode", raw=raw)
    except json.JSONDecodeError as err:
        line = f"line {err.lineno} " if b"\n" in raw else ""
        return Record(place, fault=f"not valid JSON ({err.msg}, {line}column {err.colno})", raw=raw)
    except (ValueError, RecursionError) as err:
        return Record(place, fault=f"not valid JSON ({err})", raw=raw)


def _read_json(path: Path) -> Iterator[Record]:
    """One list of rows (perhaps as `data` of an object), one row, or JSON lines by another name."""
    _check_start(path)
    content = path.read_bytes().removeprefix(BYTE_ORDER_MARK)
    if not content.strip():
        return
    whole = _json_record(content, "item 1")
    rows = whole.row.get("data") if isinstance(whole.row, dict) else whole.row
    if isinstance(rows, list) and (rows is whole.row or isinstance((rows or [{}])[0], dict)):
        yield from (Record(f"item {i}", row) for i, row in enumerate(rows, start=1))
    elif not whole.fault:
        yield whole
    elif content.lstrip().startswith(b"["):
        raise _unreadable(path, f"it is {whole.fault}")
    else:
        yield from _json_lines(content.splitlines())


def _read_parquet(path: Path) -> Iterator[Record]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            yield from _table_rows(file.iter_batches(batch_size=PARQUET_BATCH_ROWS))
    except (pa.ArrowException, UnicodeDecodeError) as err:
        raise _unreadable(path, f"it is not a sound Parquet file ({_first_line(err)})") from err


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
                batches = iter(pa.ipc.open_stream(source))
            yield from _table_rows(piece for batch in batches for piece in _pieces(batch))
    except (pa.ArrowException, UnicodeDecodeError) as err:
        raise _unreadable(path, f"it is not a sound Arrow file ({_first_line(err)})") from err


def _pieces(batch: Any) -> Iterator[Any]:
    yield from (
        batch.slice(i, PARQUET_BATCH_ROWS) for i in range(0, len(batch), PARQUET_BATCH_ROWS)
    )


def _table_rows(batches: Iterable[Any]) -> Iterator[Record]:
    number = 0
    for batch in batches:
        for row in batch.to_pylist():
            number += 1
            yield Record(f"row {number}", row)


def _read_text(path: Path) -> Iterator[Record]:
    """One document a file."""
    _check_start(path)
    raw = path.read_bytes().removeprefix(BYTE_ORDER_MARK)
    try:
        text = raw.decode()
    except UnicodeDecodeError as err:
        yield Record("document", fault=f"not UTF-8 (byte {err.start + 1})", raw=raw)
        return
    if text.strip():
        yield Record("document", {"text": text})


def _read_csv(path: Path) -> Iterator[Record]:
    yield from _separated(path, ",")


def _read_tsv(path: Path) -> Iterator[Record]:
    yield from _separated(path, "\t")


def _separated(path: Path, separator: str) -> Iterator[Record]:
    _check_start(path)
    csv.field_size_limit(CSV_FIELD_LIMIT)
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        rows = csv.reader(file, strict=True, delimiter=separator)
        try:
            header = _csv_header(path, next(rows, []))
            for cells in rows:
                if cells:
                    yield _csv_record(header, cells, f"line {rows.line_num}")
        except csv.Error as err:
            raise _unreadable(path, f"line {rows.line_num} is not sound CSV ({err})") from err


def _csv_header(path: Path, header: list[str]) -> list[str]:
    if len(set(header)) < len(header):
        raise _unreadable(path, "two of its columns have the same name")
    return header


def _csv_record(header: list[str], cells: list[str], place: str) -> Record:
    raw = "\x1f".join(cells).encode("utf-8", "surrogateescape")
    if len(cells) != len(header):
        return Record(place, fault=f"{len(cells)} fields, expected {len(header)}", raw=raw)
    try:
        raw.decode()
    except UnicodeDecodeError:
        return Record(place, fault="not UTF-8", raw=raw)
    return Record(place, dict(zip(header, cells, strict=True)))


def _check_start(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(2)
    if start == GZIP_START:
        raise _unreadable(path, "it is gzip-compressed but not named .jsonl.gz")
    if start in UTF16_STARTS:
        raise _unreadable(path, "it is UTF-16, expected UTF-8")


def _unreadable(path: Path, why: str) -> InputError:
    return InputError(f"cannot read '{path}': {why}", do="check, convert or replace the file")


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
    ".txt": _read_text,
}
