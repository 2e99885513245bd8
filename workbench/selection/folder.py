"""A folder that appears as a whole or not at all, and never takes the place of foreign files.

with new_folder(out, record="provenance.json") as building:
    (building / "provenance.json").write_text("{}")

It is built beside its place, locked by the process that builds it. An earlier folder is exchanged
in one step on Linux; elsewhere there is an instant with neither, and the next call mends it. Where
folders cannot be locked (Windows) the process is known by its number in the folder's name.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

import psutil

from workbench.errors import InputError

UNWRITABLE = {
    errno.EACCES: "the folder cannot be written to",
    errno.EPERM: "the folder cannot be written to",
    errno.EROFS: "the file system is read-only",
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk is full",
    errno.EFBIG: "files may not become that large",
    errno.EIO: "the disk has failed",
    errno.EMFILE: "too many files are open",
    errno.ENFILE: "too many files are open",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ENOTDIR: "a part of the path is a file",
    errno.EEXIST: "a part of the path is a file",
}
AT_CWD, EXCHANGE = -100, 2
NO_LOCK = -1
_BUILDER = re.compile(r"\.(\d+)(?:-\d+)?\.(?:tmp|old)\Z")


def _system_locks() -> ModuleType | None:
    try:
        import fcntl
    except ImportError:
        return None
    return fcntl


LOCKS = _system_locks()


@contextmanager
def new_folder(out: Path, *, record: str) -> Iterator[Path]:
    """Yield an empty sibling of `out`; after the block, it takes the place of `out`.

    What may be replaced is nothing, an empty folder, or an earlier folder of this kind: one whose
    file `record` (JSON) lists under "files" all the others in it. What killed processes have left
    beside `out` is taken away. Of two at once the last one stays, whole.
    """
    out = out.resolve()
    with _writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    with _alone(out):
        _mend(out)
        check_replaceable(out, record=record)
    # Sessions of the pages are threads of one process.
    building = out.with_name(f".{out.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    lock = None
    try:
        with _writing(out):
            while lock is None:
                # Another call may lock and take away what this one has not locked yet.
                with suppress(FileExistsError):
                    building.mkdir()
                lock = _lock(building) if LOCKS else NO_LOCK
            _empty(building)
        with _writing(out):
            yield building
        with _alone(out):
            # Someone may have put a file there in the meantime.
            check_replaceable(out, record=record)
            _replace(out, building)
    finally:
        shutil.rmtree(building, ignore_errors=True)
        _unlock(lock)


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
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return set()


def _empty(folder: Path) -> None:
    """Take away what an earlier call of this process could not, for want of open files."""
    for left in folder.iterdir():
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()


def _lock(folder: Path) -> int | None:
    """A descriptor that holds the folder until it is closed or the process ends; None if held."""
    if LOCKS is None:
        return None if _is_worked_on(folder) else NO_LOCK
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        LOCKS.flock(descriptor, LOCKS.LOCK_EX | LOCKS.LOCK_NB)
        # Another call may have taken the folder away before it was locked.
        if os.path.samestat(os.fstat(descriptor), folder.stat()):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)
    return None


def _unlock(lock: int | None) -> None:
    if lock not in (None, NO_LOCK):
        os.close(lock)


def _is_worked_on(folder: Path) -> bool:
    """Whether the process whose number is in the folder's name is there, or the folder is gone."""
    builder = _BUILDER.search(folder.name)
    return not folder.is_dir() or bool(builder and psutil.pid_exists(int(builder[1])))


def _mend(out: Path) -> None:
    """Take away what killed processes left; an old folder goes back where there is no new one."""
    for old in sorted(out.parent.glob(f".{_literal(out.name)}.*.old")):
        if (lock := _lock(old)) is not None:
            if not out.exists():
                old.rename(out)
            shutil.rmtree(old, ignore_errors=True)
            _unlock(lock)
    for building in out.parent.glob(f".{_literal(out.name)}.*.tmp"):
        if (lock := _lock(building)) is not None:
            shutil.rmtree(building, ignore_errors=True)
            _unlock(lock)


def _literal(name: str) -> str:
    """The name as a pattern that matches nothing else."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)


def _replace(out: Path, building: Path) -> None:
    if not out.exists():
        building.rename(out)
    elif not _exchanged(out, building):
        old = out.with_name(f".{out.name}.{os.getpid()}.old")
        lock = _lock(out)
        out.rename(old)
        building.rename(out)
        shutil.rmtree(old)
        _unlock(lock)


def _exchanged(out: Path, building: Path) -> bool:
    """Swap two folders in one step; False where the system has no such step (renameat2)."""
    if LOCKS is None:
        return False
    swap = getattr(ctypes.CDLL(None), "renameat2", None)
    paths = (AT_CWD, os.fsencode(out), AT_CWD, os.fsencode(building))
    return swap is not None and swap(*paths, EXCHANGE) == 0


@contextmanager
def _alone(out: Path) -> Iterator[None]:
    """Looking at what lies at `out` and replacing it are one step to others who do the same."""
    with _writing(out):
        if LOCKS is None:
            yield
            return
        descriptor = os.open(out.parent, os.O_RDONLY)
        try:
            LOCKS.flock(descriptor, LOCKS.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


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
