"""Memory that the system still gives: what the machine has, and what a container may have of it.

psutil tells the first on every platform; containers are asked in the files of Linux.

free = free_host_bytes()
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil

# Control groups of this process, and where version 2 keeps them; version 1 in `memory` below it.
MEMBERSHIP, GROUPS = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
LIMIT_AND_USE = {
    2: ("memory.max", "memory.current"),
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes"),
}


def free_host_bytes() -> int | None:
    """The least of what machine and containers leave; None where the system does not tell."""
    known = _free_in_containers()
    with contextlib.suppress(OSError, ValueError, KeyError, NotImplementedError):
        known.append(int(psutil.virtual_memory().available))
    return min(known, default=None)


def _free_in_containers() -> list[int]:
    """For each group around this process that has a limit."""
    try:
        lines = MEMBERSHIP.read_text().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, kinds, path = line.split(":", 2)
        if kinds and "memory" not in kinds.split(","):
            continue
        root, version = (GROUPS / "memory", 1) if kinds else (GROUPS, 2)
        here = root / path.strip("/")
        # From inside a container only the end of the path, or its root, may be there to read.
        around = [folder for folder in (here, *here.parents) if folder.is_relative_to(root)]
        found += [left for folder in around if (left := _left(folder, version)) is not None]
    return found


def _left(folder: Path, version: int) -> int | None:
    """Up to a group's limit. Cached files count as free: they make way."""
    try:
        most, used = (int((folder / name).read_text()) for name in LIMIT_AND_USE[version])
        cached = sum(_field(folder / "memory.stat", f"{of}active_file") for of in ("", "in"))
        return max(0, most - used + cached)
    except (OSError, ValueError, KeyError):
        return None


def _field(path: Path, name: str) -> int:
    """The number after `name` in a file of one field a line."""
    lines = path.read_text().replace(":", " ").splitlines()
    return int(dict(line.split(maxsplit=1) for line in lines)[name].split()[0])
