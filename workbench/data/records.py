"""A record of a file with its place there, and the sentence for a file that cannot be read.

Record("line 3", {"text": "One."}), Record("line 4", fault="not UTF-8 (byte 1)", raw=b"\\xff")
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from workbench.errors import InputError

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
GZIP_START = b"\x1f\x8b"
UTF16_STARTS = (b"\xff\xfe", b"\xfe\xff")


class Record(NamedTuple):
    """A row and its place in the file; or, with `fault`, the `raw` bytes that are no row."""

    place: str
    row: Any = None
    fault: str = ""
    raw: bytes = b""


def check_start(path: Path) -> None:
    """Refuse a file that says by its first bytes that it is no UTF-8."""
    with path.open("rb") as file:
        start = file.read(2)
    if start == GZIP_START:
        raise unreadable_file(path, "it is gzip-compressed but not named .jsonl.gz")
    if start in UTF16_STARTS:
        raise unreadable_file(path, "it is UTF-16, expected UTF-8")


def unreadable_file(path: Path, why: str) -> InputError:
    """What to say of a file of which nothing can be read."""
    return InputError(f"cannot read '{path}': {why}", do="check, convert or replace the file")
