"""Folders of exported datasets, as the page Select & export writes them.

exports_in(own_root().resolve().parent)
"""

from __future__ import annotations

from pathlib import Path

FOLDER, RECORD = "exports", "provenance.json"


def exports_in(home: Path) -> list[Path]:
    """The finished exports beside a folder of runs, the newest first."""
    found = [path.parent for path in (home / FOLDER).glob(f"*/{RECORD}")]
    return sorted(found, key=lambda path: path.stat().st_mtime, reverse=True)
