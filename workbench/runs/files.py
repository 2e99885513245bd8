"""Files that are either complete or absent, and one sentence when a folder cannot be written.

with atomic_file(folder / "heads.json") as file:
    file.write(b"{}")
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from workbench.config import canonical_json
from workbench.errors import InputError

TMP = ".tmp"
_UNWRITABLE = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENAMETOOLONG,
    errno.ENOTDIR,
    errno.EEXIST,
}


Rename = Callable[[Path], None]


def _nothing(_: Path) -> None:
    """What is done with a complete file before it gets its name."""


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a read-only place, a full disk or a file in the way into an `InputError`."""
    try:
        yield
    except OSError as err:
        if err.errno not in _UNWRITABLE:
            raise
        raise InputError(
            f"'{path}' cannot be written ({err.strerror})",
            expected="a folder with write permission and free space",
            do="pass another one with --runs DIR or make room",
        ) from err


@contextmanager
def atomic_file(path: Path, *, before_rename: Rename = _nothing) -> Iterator[IO[bytes]]:
    """A binary file that appears under its name only when complete and on disk.

    `before_rename` is given the complete file under its temporary name.
    """
    tmp = path.with_name(path.name + TMP)
    with writing(path):
        try:
            with tmp.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            before_rename(tmp)
            tmp.replace(path)
        except BaseException:
            tmp.unlink(missing_ok=True)
            raise
        _sync_directory(path.parent)


def _sync_directory(folder: Path) -> None:
    """Make a rename survive a power cut, where a folder can be opened: not on Windows."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json_file(path: Path, value: Any, *, before_rename: Rename = _nothing) -> None:
    """Sorted keys, two spaces, UTF-8; NaN and infinities raise `ValueError`."""
    plain = json.loads(canonical_json(value))
    text = json.dumps(plain, indent=2, ensure_ascii=False) + "\n"
    with atomic_file(path, before_rename=before_rename) as file:
        file.write(text.encode())


@contextmanager
def parquet_writer(file: IO[bytes], schema: pa.Schema) -> Iterator[pq.ParquetWriter]:
    """A Parquet writer with fixed settings, so equal tables give equal bytes."""
    with pq.ParquetWriter(file, schema, version="2.6", compression="zstd") as writer:
        yield writer


def write_table_file(path: Path, table: pa.Table, *, before_rename: Rename = _nothing) -> None:
    """One table, one row group, without the metadata of whatever library made it."""
    table = table.replace_schema_metadata(None).combine_chunks()
    written = atomic_file(path, before_rename=before_rename)
    with written as file, parquet_writer(file, table.schema) as writer:
        writer.write_table(table)


class TableStream(NamedTuple):
    """A table that is written as it is made: each of `tables` in one piece, a row group each."""

    schema: pa.Schema
    tables: Iterable[pa.Table]


def write_table_stream(
    path: Path, stream: TableStream, *, before_rename: Rename = _nothing
) -> None:
    """One table after the other, as `write_table_file` writes a whole one."""
    schema = stream.schema.remove_metadata()
    written = atomic_file(path, before_rename=before_rename)
    with written as file, parquet_writer(file, schema) as writer:
        for table in stream.tables:
            writer.write_table(table.cast(schema))


def merge_table_files(paths: list[Path], target: Path, *, before_rename: Rename = _nothing) -> int:
    """Concatenate Parquet files part by part, one row group each; returns the number of rows.

    A column that is all null in one part takes its type from the others.
    """
    schema = pa.unify_schemas([pq.read_schema(path) for path in paths])
    n_rows = 0
    merged = atomic_file(target, before_rename=before_rename)
    with merged as file, parquet_writer(file, schema) as writer:
        for path in paths:
            with pq.ParquetFile(path) as part:
                table = part.read().select(schema.names).cast(schema).combine_chunks()
            writer.write_table(table)
            n_rows += table.num_rows
    return n_rows
