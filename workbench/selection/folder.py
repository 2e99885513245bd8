"""A folder that appears as a whole or not at all, and never takes the place of foreign files.

with new_folder(out, record="provenance.json") as building:
    (building / "provenance.json").write_text("{}")
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from workbench.errors import InputError

UNWRITABLE = {
    errno.EACCES: "the folder cannot be written to",
    errno.EPERM: "the folder cannot be written to",
    errno.EROFS: "the file system is read-only",
    errno.ENOSPC: "the disk is full",
    errno.ENOTDIR: "a part of the path is a file",
    errno.EEXIST: "a part of the path is a file",
}


@contextmanager
def new_folder(out: Path, *, record: str) -> Iterator[Path]:
    """Yield an empty sibling of `out`; after the block, it takes the place of `out`.

    What may be replaced is nothing, an empty folder, or an earlier folder of this kind: one whose
    file `record` (JSON) lists under "files" all the others in it.
    """
    out = out.resolve()
    check_replaceable(out, record=record)
    building = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    with _writing(out):
        building.mkdir(parents=True)
    try:
        yield building
        # Someone may have put a file there in the meantime.
        check_replaceable(out, record=record)
        with _writing(out):
            _replace(out, building)
    finally:
        shutil.rmtree(building, ignore_errors=True)


def check_replaceable(out: Path, *, record: str) -> None:
    """`InputError` unless `out` is missing, empty, or an earlier folder with nothing foreign."""
    if not out.exists():
        return
    do = "choose another folder, or move the files away"
    if not out.is_dir():
        raise InputError(f"'{out}' is a file", expected="a folder", do=do)
    found = {path.relative_to(out).as_posix() for path in out.rglob("*") if not path.is_dir()}
    foreign = sorted(found - _listed(out / record) - {record})
    if found and record not in found:
        raise InputError(
            f"the folder '{out}' holds files and no {record}",
            expected="a new or empty folder, or an earlier export",
            do=do,
        )
    if foreign:
        raise InputError(
            f"the folder '{out}' holds '{foreign[0]}', which an export did not write",
            expected="a new or empty folder, or an earlier export",
            do=do,
        )


def _listed(record: Path) -> set[str]:
    try:
        files = json.loads(record.read_text(encoding="utf-8"))["files"]
        return set(files)
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _replace(out: Path, building: Path) -> None:
    if not out.exists():
        building.rename(out)
        return
    old = out.with_name(f".{out.name}.{os.getpid()}.old")
    out.rename(old)
    building.rename(out)
    shutil.rmtree(old)


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as err:
        if err.errno not in UNWRITABLE:
            raise
        raise InputError(
            f"cannot write '{out}': {UNWRITABLE[err.errno]}",
            do="free some space or choose another folder",
        ) from err
