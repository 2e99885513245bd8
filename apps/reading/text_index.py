"""The texts of a scored dataset as one Arrow file, so that any row is at hand at once.

The dataset itself is read front to back only; this file is mapped into memory, and a row costs no
more than its own bytes. Made once for each version of the data.

    build(["gsm8k"], RECOGNISED, out=Path("texts.arrow"))
    python -P apps/text_index.py --data gsm8k --out texts.arrow
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from workbench.data import atomic_file, label_text, read_samples
from workbench.options import ReadOptions
from workbench.types import BadRow, Message, Sample

SCHEMA = pa.schema(
    [
        ("row_id", pa.string()),
        ("prompt", pa.string()),
        ("completion", pa.string()),
        # Turns as JSON where they are more than one of the user and one of the assistant, as text.
        ("turns", pa.string()),
        # The functions that a chat template is told of, as JSON where there are any.
        ("tools", pa.string()),
        ("is_text", pa.bool_()),
        ("shape", pa.string()),
        ("source", pa.string()),
        ("subject", pa.string()),
        ("level", pa.string()),
    ]
)
BATCH_ROWS = 10_000


def build(sources: Sequence[str], how: ReadOptions, *, out: Path) -> int:
    """Write every row of the data, bad ones as empty lines, so that a row's place is its index."""
    n_rows = 0
    with atomic_file(out) as file, pa.ipc.new_file(file, SCHEMA) as writer:
        for rows in _batched(map(_record, read_samples(list(sources), how))):
            writer.write_batch(pa.RecordBatch.from_pylist(rows, schema=SCHEMA))
            n_rows += len(rows)
    return n_rows


def _batched(records: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    for record in records:
        rows.append(record)
        if len(rows) == BATCH_ROWS:
            yield rows
            rows = []
    if rows:
        yield rows


def _record(row: Sample | BadRow) -> dict[str, Any]:
    empty = dict.fromkeys(SCHEMA.names, "") | {"is_text": False}
    if isinstance(row, BadRow):
        return empty | {"row_id": row.row_id, "source": row.source}
    is_simple = [m.role for m in row.messages] in (["user"], ["user", "assistant"])
    is_simple = is_simple and not any(m.more for m in row.messages)
    turns = "" if is_simple or row.text is not None else json.dumps(row.messages)
    return empty | {
        "row_id": row.row_id,
        "prompt": row.prompt,
        "completion": row.completion,
        "turns": turns,
        "tools": json.dumps(row.tools) if row.tools else "",
        "is_text": row.text is not None,
        "shape": row.shape,
        "source": row.source,
        "subject": _label(row.row.get("subject")),
        "level": _label(row.row.get("level")),
    }


def _label(value: Any) -> str:
    return "" if value is None or isinstance(value, dict | list) else label_text(value)


def sample_of(record: dict[str, Any], row_index: int) -> Sample:
    """The sample that a line of the file was made from, without its other columns."""
    if record["is_text"]:
        messages = ()
    elif record["turns"]:
        messages = tuple(Message(*turn) for turn in json.loads(record["turns"]))
    else:
        messages = (Message("user", record["prompt"]),)
        if record["completion"]:
            messages += (Message("assistant", record["completion"]),)
    return Sample(
        row_id=record["row_id"],
        row_index=row_index,
        source=record["source"],
        shape=record["shape"],
        messages=messages,
        text=record["prompt"] if record["is_text"] else None,
        tools=tuple(json.loads(record["tools"] or "[]")),
    )


def main() -> None:
    """Build the file from the command line: the app does so for large data."""
    parser = argparse.ArgumentParser(description="Texts of a dataset as one Arrow file.")
    parser.add_argument("--data", action="append", required=True)
    parser.add_argument("--how", type=json.loads, default={}, help="Options of reading, as JSON.")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    build(options.data, ReadOptions(**options.how), out=options.out)


if __name__ == "__main__":
    main()
