"""Small exports and steps files, as the stages before would write them.

folder = write_export(tmp_path / "subset", format="messages")
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.data import read_samples, write_jsonl
from workbench.selection import export_selection

ROWS = tuple(
    {
        "id": f"sum-{i}",
        "problem": f"What is {i} + {i}?",
        "solution": f"We add {i} and {i}.\nThe sum is {2 * i}." if i % 2 else f"it is {2 * i}",
    }
    for i in range(8)
)


def write_export(
    folder: Path, *, format: str = "jsonl", rows: Sequence[dict[str, Any]] = ROWS
) -> Path:
    """An export of all `rows`."""
    source = folder.with_name(f"{folder.name}-rows.jsonl")
    write_jsonl(source, rows)
    n = len(rows)
    selection = pd.DataFrame(
        {
            "row_id": [row["id"] for row in rows],
            "score": [float(i) for i in range(n)],
            "p": [1.0 / n] * n,
            "rank": range(1, n + 1),
        }
    )
    export_selection(
        read_samples([str(source)]),
        selection,
        folder,
        format=format,
        provenance={"method": "air", "policy": "top", "budget": {"n": n}, "seed": 0},
        name="subset",
    )
    return folder


def steps_of(
    row: dict[str, Any], weights: Sequence[float], *, scores: Sequence[float] | None = None
) -> list[dict[str, Any]]:
    """A step for each weight: lines of the solution, the last one reaching to its end."""
    lines = row["solution"].splitlines(keepends=True)
    ends = [sum(map(len, lines[: i + 1])) for i in range(len(weights))]
    ends[-1] = len(row["solution"])
    return [
        {
            "row_id": row["id"],
            "step": i,
            "start_char": 0 if i == 0 else ends[i - 1],
            "end_char": end,
            "n_tokens": end - (0 if i == 0 else ends[i - 1]),
            "loss_base": 1.0,
            "loss_weak": 2.0,
            "score": float(i) if scores is None else scores[i],
            "weight": weight,
        }
        for i, (end, weight) in enumerate(zip(ends, weights, strict=True))
    ]


def write_steps(path: Path, steps: Sequence[dict[str, Any]]) -> Path:
    pq.write_table(pa.Table.from_pylist(list(steps)), path)
    return path


def steps_of_all(weight: float = 1.0) -> list[dict[str, Any]]:
    """Steps of every row of `ROWS`; the second line of those that have one weighs `weight`."""
    return [
        step
        for row in ROWS
        for step in steps_of(row, (1.0, weight) if "\n" in row["solution"] else (1.0,))
    ]
