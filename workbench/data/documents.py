"""Plain text out of a `.txt` file: one document a file, or a document a line.

records = read_lines(Path("notes.txt"))
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from workbench.data.records import BYTE_ORDER_MARK, Record, check_start


def read_document(path: Path) -> Iterator[Record]:
    """The file as one document."""
    check_start(path)
    yield from _documents([("document", path.read_bytes())])


def read_lines(path: Path) -> Iterator[Record]:
    """Each line as a document, without its end; lines of white space alone are none."""
    check_start(path)
    with path.open("rb") as file:
        lines = enumerate(file, start=1)
        yield from _documents((f"line {n}", line.rstrip(b"\r\n")) for n, line in lines)


def _documents(pieces: Iterable[tuple[str, bytes]]) -> Iterator[Record]:
    for number, (place, piece) in enumerate(pieces):
        raw = piece if number else piece.removeprefix(BYTE_ORDER_MARK)
        try:
            text = raw.decode()
        except UnicodeDecodeError as err:
            yield Record(place, fault=f"not UTF-8 (byte {err.start + 1})", raw=raw)
            continue
        if text.strip():
            yield Record(place, {"text": text})
