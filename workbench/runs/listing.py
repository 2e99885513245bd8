"""What has been run: every run folder with its state, and the one a command's argument means.

find_run(Path("runs"), "score-circuitseer-1a2b", ("scores.parquet",))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from workbench.errors import InputError, kind_of
from workbench.runs.manifest import MANIFEST, read_manifest
from workbench.runs.written import LOCK

_N_NAMED = 10


@dataclass(frozen=True)
class RunSummary:
    """One run folder; `status` is running, finished, interrupted, failed or broken."""

    name: str
    path: Path
    status: str
    reason: str = ""
    stage: str = ""
    created: str = ""
    seconds: float = 0.0
    result: Path | None = None
    counts: Mapping[str, Any] = field(default_factory=dict)


def list_runs(root: Path) -> list[RunSummary]:
    """Every run under `root`, newest first; a folder that is no readable run is listed as broken.

    A `root` that does not exist holds no runs. A folder with nothing in it, or with a lock that
    nobody holds, is none: a run has its folder a moment before it has its lock.
    """
    if not root.is_dir():
        return []
    folders = [path for path in root.iterdir() if path.is_dir() and path.name[0] != "."]
    found = [run for folder in folders if (run := _summary(folder))]
    return sorted(found, key=lambda run: (run.created, run.name), reverse=True)


def _summary(folder: Path) -> RunSummary | None:
    was_there, is_bare = (folder / MANIFEST).is_file(), _is_bare(folder)
    try:
        manifest = read_manifest(folder)
    except InputError as err:
        if not was_there and _is_locked(folder):
            # A run has its lock a moment before it has its manifest.
            return RunSummary(folder.name, folder, "running")
        if not was_there and (folder / MANIFEST).is_file():
            # And a short one may have ended in between.
            return _summary(folder)
        if is_bare:
            return None
        return RunSummary(folder.name, folder, "broken", reason=str(err))
    result = folder / manifest["result"]
    return RunSummary(
        name=folder.name,
        path=folder,
        status=_status(folder, manifest, result),
        reason=manifest.get("error") or "",
        stage=manifest["stage"],
        created=manifest["created"],
        seconds=manifest["seconds"],
        result=result if result.is_file() else None,
        counts=manifest["counts"],
    )


def _status(folder: Path, manifest: dict[str, Any], result: Path) -> str:
    """The result file and the lock decide, since a killed process cannot correct its manifest."""
    if result.is_file():
        return "finished"
    if _is_locked(folder):
        return "running"
    return "failed" if manifest["status"] == "failed" else "interrupted"


def _is_bare(folder: Path) -> bool:
    try:
        return {path.name for path in folder.iterdir()} <= {LOCK}
    except OSError:
        return False


def _is_locked(folder: Path) -> bool:
    path = folder / LOCK
    if not path.is_file():
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:
        # Someone else's folder: whether it is locked cannot be asked.
        return False


def find_run(root: Path, ref: str, result_names: Sequence[str]) -> Path:
    """The result file that `ref` means, one of `result_names` when found by folder.

    `ref`: a result file, a run folder, the name of a run under `root`, or a prefix of just one.
    """
    path = Path(ref)
    try:
        if path.is_file():
            return path
        there = [folder for folder in (path, root / ref) if folder.is_dir()]
    except (OSError, ValueError) as err:
        raise InputError(
            f"no run '{ref[:60]}' ({kind_of(err)})", expected="a run's name, folder or result"
        ) from err
    if there:
        return _result_in(there[0], result_names)
    return _by_prefix(root, ref, result_names)


def _result_in(folder: Path, result_names: Sequence[str]) -> Path:
    for name in result_names:
        if (folder / name).is_file():
            return folder / name
    unfinished = (folder / MANIFEST).is_file()
    raise InputError(
        f"'{folder}' holds no result",
        expected=" or ".join(result_names),
        do="if the run was interrupted, run its command again" if unfinished else "",
    )


def _by_prefix(root: Path, ref: str, result_names: Sequence[str]) -> Path:
    usable = [path for path in _folders(root) if any((path / n).is_file() for n in result_names)]
    matches = [path for path in usable if path.name.startswith(ref)]
    if len(matches) > 1:
        raise InputError(
            f"'{ref}' begins the names of {len(matches)} runs ({_named(matches)})",
            expected="just one",
            do="write more of the name",
        )
    # Failing those, a lone run without such a result: the reason why it cannot be used is told.
    matches = matches or [path for path in _folders(root) if path.name.startswith(ref)]
    if len(matches) == 1:
        return _result_in(matches[0], result_names)
    raise InputError(
        f"'{ref}' is no file, folder or run",
        expected=f"a run with {' or '.join(result_names)}",
        do=f"'{root}' has {_named(usable)}" if usable else f"'{root}' has none yet",
    )


def _folders(root: Path) -> list[Path]:
    return sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []


def _named(paths: list[Path]) -> str:
    names = [path.name for path in paths[:_N_NAMED]]
    more = len(paths) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")
