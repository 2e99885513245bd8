"""Files that are either whole or not there, with the same bytes for the same rows.

written = write_jsonl(Path("out/data.jsonl.gz"), rows)
written = write_parquet(Path("out/data.parquet"), rows)
"""

from __future__ import annotations

import errno
import gzip
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from workbench.data.plain import json_bytes
from workbench.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP_ROWS = 2048

WRITE_FAULTS = {
    errno.EACCES: "the folder cannot be written to",
    errno.EPERM: "the folder cannot be written to",
    errno.EROFS: "the file system is read-only",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "files may not become that large",
    errno.EIO: "the disk has failed",
    errno.EMFILE: "too many files are open",
    errno.ENFILE: "too many files are open",
    errno.ENOTDIR: "a part of the path is a file",
    errno.EEXIST: "a part of the path is a file",
    errno.EISDIR: "a folder of that name exists",
    errno.ENAMETOOLONG: "the name is too long",
}


class Written(NamedTuple):
    """How many rows were written, and which columns had to become JSON text."""

    n_rows: int
    json_columns: tuple[str, ...] = ()


def write_jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> Written:
    """Write `rows` as JSON lines, compressed if `path` ends in `.gz`; NaN becomes null."""
    n_rows = 0
    with atomic_file(path) as file, _compressed(path, file) as lines:
        for row in rows:
            lines.write(json_bytes(row) + b"\n")
            n_rows += 1
    return Written(n_rows)


def write_parquet(
    path: Path, rows: Iterable[Mapping[str, Any]], schema: pa.Schema | None = None
) -> Written:
    """Write `rows` as Parquet; without `schema` the column types are found from all rows.

    A column that has no single Arrow type (text and numbers mixed, objects of different keys) is
    written as JSON text and named in `json_columns`. A row with a column that `schema` lacks is a
    ValueError. At most 2,048 rows are in memory at a time.
    """
    if schema is None:
        from workbench.data.columns import write_inferred

        with atomic_file(path) as file:
            return Written(*write_inferred(file, _chunks(rows), spool_folder=path.parent))
    with atomic_file(path) as file:
        return Written(_write_with_schema(file, rows, schema))


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """A binary file that appears under `path` when the block ends well, and not at all otherwise.

    A folder that cannot be written to, or a full disk, is an `InputError`.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as err:
        if err.errno not in WRITE_FAULTS:
            raise
        raise InputError(
            f"cannot write '{path}': {WRITE_FAULTS[err.errno]}",
            do="free some space or choose another folder",
        ) from err
    finally:
        if temporary.parent.is_dir():
            temporary.unlink(missing_ok=True)


@contextmanager
def _compressed(path: Path, file: IO[bytes]) -> Iterator[IO[bytes] | gzip.GzipFile]:
    if path.suffix != ".gz":
        yield file
        return
    # Without a name and a time in its header, the archive depends on the rows alone.
    with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as archive:
        yield archive


def _chunks(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    remaining = iter(rows)
    while chunk := list(islice(remaining, ROW_GROUP_ROWS)):
        yield chunk


def _write_with_schema(
    file: IO[bytes], rows: Iterable[Mapping[str, Any]], schema: pa.Schema
) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    n_rows = 0
    with pq.ParquetWriter(file, schema) as writer:
        for chunk in _chunks(rows):
            unknown = {name for row in chunk for name in row}.difference(schema.names)
            if unknown:
                raise ValueError(f"columns {sorted(unknown)} are not in the schema {schema.names}")
            table = pa.Table.from_pylist([dict(row) for row in chunk], schema=schema)
            writer.write_table(table)
            n_rows += len(chunk)
    return n_rows
