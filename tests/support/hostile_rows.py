"""Rows with every defect that was thought of, as files of every kind, and what must become of each.

path, expected = write_hostile(Path("rows.jsonl"), 2000)    # expected: status to number of rows
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

OK, BAD, CUT = "ok", "malformed", "truncated"
HEAVY_EVERY = 400


class Case(NamedTuple):
    """One kind of row: `make(i)` gives it, `status` is what scoring must say of it."""

    status: str
    make: Callable[[int], Any]


def row(i: int, **more: Any) -> dict[str, Any]:
    return {"problem": f"{i} + 1?", "solution": str(i + 1), **more}


def nested(depth: int) -> list:
    value: list = []
    for _ in range(depth - 1):
        value = [value]
    return value


OURS = ("row_id", "row_index", "n_tokens", "score", "status", "reason", "_score", "_p", "_row_id")
VALUES = (
    Case(OK, row),
    Case(OK, lambda i: row(i, problem=f"{i} <img src=x onerror=alert(1)>?")),
    Case(OK, lambda i: row(i, problem=f"كم يساوي {i}؟")),
    Case(OK, lambda i: row(i, problem=f"{i}\u202e1?\u2028\u2029\x85\r2?")),
    Case(OK, lambda i: row(i, note="a\x00b")),
    Case(OK, lambda i: row(i, level=float("nan"), other=float("-inf"), big=10**400)),
    Case(OK, lambda i: row(i, level="1e999", difficulty=10**400)),
    Case(OK, lambda i: row(i, id="twice")),
    Case(OK, lambda i: row(i, id=i % 3)),
    Case(OK, lambda i: row(i, id="")),
    Case(OK, lambda i: row(i, id=[1, {"a": 2}])),
    Case(OK, lambda i: row(i, level=[i, "text", None, {"a": i}][i % 4])),
    Case(OK, lambda i: row(i, deep=nested(150))),
    Case(OK, lambda i: row(i, **dict.fromkeys(OURS, f"<b>{i}</b>"))),
    Case(OK, lambda i: row(i, **{"": 1, " ": 2, "a.b": {}, "__class__": [], "x" * 300: 0})),
    Case(OK, lambda i: row(i, source=["../../etc", "![a](b)", 5, None][i % 4])),
    Case(BAD, lambda i: row(i, deep=nested(201))),
    Case(BAD, lambda i: row(i, deep=nested(600))),
    Case(BAD, lambda i: row(i, note="\ud800")),
    Case(BAD, lambda i: row(i, problem="")),
    Case(BAD, lambda i: row(i, problem=" \n\u2028")),
    Case(BAD, lambda i: row(i, problem=None)),
    Case(BAD, lambda i: row(i, problem=i)),
    Case(BAD, lambda i: row(i, problem={"text": "1?"})),
    Case(BAD, lambda i: row(i, solution=[["a", 1]])),
    Case(BAD, lambda i: {"other": i}),
    Case(BAD, lambda i: {}),
    Case(BAD, lambda i: {"messages": [[]] * 3}),
    Case(BAD, lambda i: {"messages": "[" * 5000}),
    Case(BAD, lambda i: [1, 2]),
    Case(BAD, lambda i: "text"),
    Case(BAD, lambda i: None),
    Case(BAD, lambda i: i),
)
HEAVY = (
    Case(CUT, lambda i: row(i, problem="1 " * 50_000)),
    Case(OK, lambda i: row(i, note="x" * 2**20)),
    Case(OK, lambda i: row(i, **{f"column {k}": k for k in range(10_000)})),
)
"""Rare ones: a hundred thousand tokens, a megabyte in a line, ten thousand columns."""


def line(i: int) -> bytes:
    return json.dumps(row(i)).encode()


LINES = (
    Case(BAD, lambda i: line(i)[:-3]),
    Case(BAD, lambda i: line(i) + b"," + line(i)),
    Case(BAD, lambda i: line(i) + b"\r" + line(i)),
    Case(BAD, lambda i: b"\xef\xbb\xbf" + line(i)),
    Case(BAD, lambda i: line(i).decode().encode("utf-16-le").replace(b"\n", b"")),
    Case(BAD, lambda i: line(i).replace(b"?", b"\xff")),
    Case(BAD, lambda i: line(i).replace(b"?", b"\xed\xa0\x80")),
    Case(BAD, lambda i: line(i).replace(b"?", b"\x00")),
    Case(BAD, lambda i: b'{"problem": ' + b"[" * 100_000),
    Case(BAD, lambda i: b'{"problem": "a?", "n": ' + b"9" * 5000 + b"}"),
    Case(BAD, lambda i: b"\x00" * 50),
    Case(OK, lambda i: b" \t" + line(i) + b"\r"),
)
CELLS = (
    Case(OK, lambda i: f'{i} + 1?,"{i}"\r\n'.encode()),
    Case(OK, lambda i: f'"{i}, ""a""\nand\r1?",2\n'.encode()),
    Case(OK, lambda i: f"<b>{i}</b>?,\u202e\u2028\n".encode()),
    Case(OK, lambda i: f"{i}\x00?,2\n".encode()),
    Case(OK, lambda i: f"=cmd()|{i}?,\n".encode()),
    Case(BAD, lambda i: f"{i}?\n".encode()),
    Case(BAD, lambda i: f"{i}?,2,3,4\n".encode()),
    Case(BAD, lambda i: f"{i}?,".encode() + b"\xff\xfe\n"),
    Case(BAD, lambda i: f"  ,{i}\n".encode()),
)
HEAVY_CELLS = (
    Case(CUT, lambda i: b"1 " * 50_000 + b",2\n"),
    Case(OK, lambda i: b"1?," + b"x" * 2**20 + b"\n"),
)


def chosen(cases: tuple[Case, ...], heavy: tuple[Case, ...], n_rows: int) -> list[Case]:
    """Every case in turn, now and then a heavy one."""
    found = [cases[i % len(cases)] for i in range(n_rows)]
    for number, place in enumerate(range(7, n_rows, HEAVY_EVERY)):
        found[place] = heavy[number % len(heavy)]
    return found


def write_hostile(path: Path, n_rows: int) -> tuple[Path, dict[str, int]]:
    """Write `n_rows` rows in the form that the name says."""
    kind = "".join(path.suffixes)
    cases = {
        ".csv": lambda: chosen(CELLS, HEAVY_CELLS, n_rows),
        ".parquet": lambda: parquet_cases(n_rows),
        ".json": lambda: chosen(VALUES, HEAVY, n_rows),
    }.get(kind, lambda: chosen(VALUES + LINES, HEAVY, n_rows))()
    made = [case.make(i) for i, case in enumerate(cases)]
    WRITE.get(kind, write_lines)(path, made)
    return path, dict(Counter(case.status for case in cases))


def write_lines(path: Path, made: list[Any]) -> None:
    texts = [item if isinstance(item, bytes) else json.dumps(item).encode() for item in made]
    content = b"\xef\xbb\xbf" + b"\n\n".join(texts)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_json(path: Path, made: list[Any]) -> None:
    path.write_text(json.dumps(made), encoding="utf-8")


def write_csv(path: Path, made: list[bytes]) -> None:
    header = io.StringIO()
    csv.writer(header).writerow(["problem", "solution"])
    path.write_bytes(b"\xef\xbb\xbf" + header.getvalue().encode() + b"".join(made))


def parquet_cases(n_rows: int) -> list[Case]:
    """Of a table the columns are wrong; each case is a change of one row."""
    cases = (
        Case(OK, lambda i: {}),
        Case(OK, lambda i: {"problem": f"<b>{i}</b>\u202e?".encode()}),
        Case(OK, lambda i: {"raw": b"\xff\x00", "level": float("inf"), "big": 2**63 - 1}),
        Case(BAD, lambda i: {"problem": None}),
        Case(BAD, lambda i: {"problem": b" "}),
        Case(BAD, lambda i: {"problem": b"1\xff?"}),
        Case(BAD, lambda i: {"seen": 2**62}),
    )
    heavy = (Case(CUT, lambda i: {"problem": b"1 " * 50_000}), Case(OK, lambda i: {}))
    return chosen(cases, heavy, n_rows)


def write_parquet(path: Path, made: list[dict[str, Any]]) -> None:
    rows = [
        {
            "problem": f"{i}?".encode(),
            "solution": "2",
            "raw": b"",
            "level": 1.0,
            "big": 0,
            "seen": 0,
        }
        | change
        for i, change in enumerate(made)
    ]
    table = pa.Table.from_pylist(rows)
    seen = table["seen"].cast(pa.timestamp("us"))
    # Bytes under the name of text, which a writer of another language may well leave there.
    problem = pa.chunked_array([_as_text(chunk) for chunk in table["problem"].chunks])
    table = table.set_column(0, "problem", problem)
    table = table.set_column(table.column_names.index("seen"), "seen", seen)
    pq.write_table(table, path, row_group_size=100)


def _as_text(column: pa.Array) -> pa.Array:
    return pa.Array.from_buffers(pa.string(), len(column), column.buffers(), column.null_count)


WRITE = {".json": write_json, ".csv": write_csv, ".parquet": write_parquet}
