"""A run as a directory: locked, written part by part, finished by the file that is written last.

with open_run(Path("runs"), spec) as run:
    for index, table in shards:
        if not run.finished and not run.has_part(index):
            run.write_part(index, table)
    if not run.finished:
        run.merge_parts(spec.result_name)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
from filelock import FileLock, Timeout

from workbench.config import file_digest
from workbench.errors import InputError, RunBusyError
from workbench.runs.events import EventLog
from workbench.runs.files import (
    TMP,
    TableStream,
    merge_table_files,
    write_json_file,
    write_table_file,
    write_table_stream,
    writing,
)
from workbench.runs.manifest import MANIFEST, new_manifest, now, read_manifest, sealed
from workbench.runs.spec import RunSpec
from workbench.runs.written import LOCK, damage, files_of, note_sum, noted_sums

# Long enough for a listing, which holds the lock for an instant, never to look like a busy run.
_LOCK_SECONDS = 1.0


class Run:
    """An open run; made by `open_run`. State: the manifest and, while working, the event log."""

    def __init__(self, path: Path, spec: RunSpec, *, scratch: frozenset[str] = frozenset()):
        self.path = path
        self.spec = spec
        self.repaired: list[str] = []
        self._scratch = scratch
        self._sums: dict[str, str] = {}
        self._manifest: dict[str, Any] = {}
        self._log: EventLog | None = None
        self._start = time.monotonic()

    @property
    def result(self) -> Path:
        return self.path / self.spec.result_name

    @property
    def finished(self) -> bool:
        return self.result.is_file()

    def event(self, done: int, total: int, message: str) -> None:
        """Record progress; has the form of `workbench.types.Progress`."""
        self._open_log().write(done, total, message)

    def part(self, index: int, *, series: str = "") -> Path:
        """Where the rows of one shard lie, once they are written."""
        stem = f"{series}-{index:05d}" if series else f"{index:05d}"
        return self.path / "parts" / f"{stem}.parquet"

    def has_part(self, index: int, *, series: str = "") -> bool:
        """Whether the part is there, as it was written: one that is not counts as missing."""
        part = self.part(index, series=series)
        return self.is_as_written(part.relative_to(self.path).as_posix())

    def write_part(self, index: int, table: pa.Table, *, series: str = "") -> None:
        """Write one shard's rows; a stage with two results keeps the second in a named series."""
        self._open_log()
        part = self.part(index, series=series)
        write_table_file(part, table, before_rename=self._noting(part))

    def merge_parts(
        self,
        filename: str = "result.parquet",
        *,
        n_parts: int | None = None,
        series: str = "",
        counts: Mapping[str, int] | None = None,
    ) -> Path:
        """Concatenate the parts 0..n-1 in order; finishes the run if this is its result.

        A gap raises `ValueError`: it would be a silent loss of rows.
        """
        self._open_log()
        pattern = f"{series}-*.parquet" if series else "[0-9]*.parquet"
        found = sorted((self.path / "parts").glob(pattern))
        n_parts = len(found) if n_parts is None else n_parts
        expected = [self.part(index, series=series) for index in range(n_parts)]
        if not found or found != expected:
            raise ValueError(f"{len(found)} parts in '{self.path}', expected 0 to {n_parts - 1}")
        before = self._before(filename, counts)
        merge_table_files(expected, self.path / filename, before_rename=before)
        return self.path / filename

    def write_json(self, name: str, value: Any) -> Path:
        """Write a JSON file beside the result, canonically; NaN raises `ValueError`."""
        self._open_log()
        if name == self.spec.result_name:
            raise ValueError(f"'{name}' finishes the run, write it with finish_json")
        write_json_file(self.path / name, value, before_rename=self._noting(self.path / name))
        return self.path / name

    def finish_json(
        self, name: str, value: Any, *, counts: Mapping[str, int] | None = None
    ) -> Path:
        """Write the JSON file that is the run's result: from here on it is finished."""
        if name != self.spec.result_name:
            raise ValueError(f"the result is '{self.spec.result_name}', not '{name}'")
        self._open_log()
        write_json_file(self.path / name, value, before_rename=self._before(name, counts))
        return self.path / name

    def finish_table(
        self, name: str, table: pa.Table | TableStream, *, counts: Mapping[str, int] | None = None
    ) -> Path:
        """Write the Parquet file that is the run's result: from here on it is finished."""
        if name != self.spec.result_name:
            raise ValueError(f"the result is '{self.spec.result_name}', not '{name}'")
        self._open_log()
        finish = self._before(name, counts)
        if isinstance(table, TableStream):
            write_table_stream(self.path / name, table, before_rename=finish)
        else:
            write_table_file(self.path / name, table, before_rename=finish)
        return self.path / name

    def record(self, **details: Any) -> None:
        """Add to the manifest's details what is known only after the work has begun."""
        self._open_log()
        self._manifest["details"] = {**self._manifest["details"], **details}
        self._write_manifest()

    def _open_log(self) -> EventLog:
        if self._log is None:
            raise RuntimeError(f"'{self.path}' was finished before it was opened: nothing to write")
        return self._log

    def is_as_written(self, name: str) -> bool:
        """Whether the file `name`, of this or an earlier attempt, is as it was written."""
        path = self.path / name
        return path.is_file() and file_digest(path) == self._sums.get(name)

    def forget_parts(self) -> None:
        """Every part is to be made again."""
        for part in (self.path / "parts").iterdir():
            part.unlink()

    def _noting(self, path: Path) -> Callable[[Path], None]:
        name = path.relative_to(self.path).as_posix()

        def note(complete: Path) -> None:
            self._sums[name] = note_sum(self.path, complete, name)

        return note

    def _before(self, filename: str, counts: Mapping[str, int] | None) -> Callable[[Path], None]:
        """The manifest goes first, so that the result's rename is the one last step."""

        def finish(complete: Path) -> None:
            files = files_of(self.path, without=self._scratch | {filename})
            files[filename] = file_digest(complete)
            self._write_manifest(status="finished", counts=dict(counts or {}), files=files)

        if filename == self.spec.result_name:
            return finish
        return self._noting(self.path / filename)

    def _take_up(self) -> None:
        """Begin, unless another process has finished the run in the meantime."""
        if self.finished:
            self.repaired = damage(self.path, self.spec.digest)
            if not self.repaired:
                return
            with writing(self.path):
                self.result.unlink()
        self._begin()
        if self.repaired:
            self.record(repaired=self.repaired)

    def _begin(self) -> None:
        with writing(self.path):
            (self.path / "parts").mkdir(exist_ok=True)
            for torn in self.path.rglob("*" + TMP):
                torn.unlink()
        self._sums = noted_sums(self.path)
        self._manifest = new_manifest(self.spec) | _kept_from_earlier_attempt(self.path)
        self._write_manifest(status="running")
        self._log = EventLog(self.path)

    def _write_manifest(self, **changes: Any) -> None:
        seconds = self._manifest["seconds"] + time.monotonic() - self._start
        self._start = time.monotonic()
        self._manifest |= {"seconds": round(seconds, 3), **changes}
        write_json_file(self.path / MANIFEST, sealed(self._manifest))

    def _leave(self, err: BaseException | None) -> None:
        """Close the log, and say in the manifest why a run stopped before its result."""
        if self._log is None:
            return
        try:
            self._log.close()
        finally:
            self._log = None
            if not self.finished:
                failed = isinstance(err, Exception)
                self._write_manifest(
                    status="failed" if failed else "interrupted",
                    error=f"{type(err).__name__}: {err}" if failed else None,
                )


@contextmanager
def open_run(root: Path, spec: RunSpec, *, scratch: Sequence[str] = ()) -> Iterator[Run]:
    """The run of this question under `root`: new, resumed, or finished (then nothing is touched).

    A finished run whose files are not as it wrote them is taken up again: its whole parts stay,
    the rest is computed anew. Files in `scratch` are no part of the answer. Raises `RunBusyError`
    if another process works on it, `InputError` if `root` cannot be written.
    """
    run = Run(root / spec.name, spec, scratch=frozenset(scratch))
    if run.finished and not damage(run.path, spec.digest):
        yield run
        return
    with writing(run.path):
        run.path.mkdir(parents=True, exist_ok=True)
    with _locked(run.path):
        try:
            run._take_up()
            yield run
        except BaseException as err:
            _leave_quietly(run, err)
            raise
        run._leave(None)


def _leave_quietly(run: Run, err: BaseException) -> None:
    """Leave a run that has failed; a second failure on the same full disk hides nothing."""
    try:
        run._leave(err)
    except InputError as second:
        err.add_note(str(second))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    # The system drops this lock when the process ends, however it ends.
    lock = FileLock(path / LOCK, timeout=_LOCK_SECONDS)
    try:
        with writing(path):
            lock.acquire()
    except Timeout as err:
        raise RunBusyError(
            f"another process is working on the run '{path.name}', "
            "wait for it or end it, then run the command again"
        ) from err
    try:
        yield
    finally:
        lock.release()


def _kept_from_earlier_attempt(path: Path) -> dict[str, Any]:
    """When the run was first started and how long it has taken so far; a torn manifest has none."""
    try:
        earlier = read_manifest(path)
    except InputError:
        return {}
    return {"created": earlier["created"], "seconds": earlier["seconds"], "started": now()}
