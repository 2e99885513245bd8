"""`pivots.parquet`: one row a problem with what became of it, and the fork in ids and in words.

table = pivots_table(model, located)
examples = read_examples(pivots_path)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from workbench.amplification.mask import Example
from workbench.amplification.pivots import OK, REASONS, Located
from workbench.errors import InputError, kind_of
from workbench.models import TextModel

IDS = pa.list_(pa.int32())
SCHEMA = pa.schema(
    [
        ("row_id", pa.string()),
        ("row_index", pa.int64()),
        ("source", pa.string()),
        ("label", pa.string()),
        ("status", pa.string()),
        ("reason", pa.string()),
        ("greedy_right", pa.bool_()),
        ("n_sampled", pa.int32()),
        ("prefix_ids", IDS),
        ("desired", pa.int32()),
        ("undesired", pa.int32()),
        ("n_shared", pa.int32()),
        ("right_ids", IDS),
        ("wrong_ids", IDS),
        ("prompt", pa.string()),
        ("shared_text", pa.string()),
        ("right_text", pa.string()),
        ("wrong_text", pa.string()),
        ("desired_text", pa.string()),
        ("undesired_text", pa.string()),
    ]
)


def pivots_table(model: TextModel, located: Sequence[Located]) -> pa.Table:
    """The rows of one shard; columns of the fork are null where there is none."""
    return pa.Table.from_pylist([_row(model, one) for one in located], schema=SCHEMA)


def _row(model: TextModel, one: Located) -> dict[str, Any]:
    problem, pivot = one.problem, one.pivot
    row = {
        "row_id": problem.row_id,
        "row_index": problem.row_index,
        "source": problem.source,
        "label": None if problem.label is None else str(problem.label),
        "status": one.status,
        "reason": REASONS[one.status],
        "greedy_right": one.greedy_right,
        "n_sampled": one.n_sampled,
        "prompt": problem.text,
    }
    if pivot is None:
        return row

    def text(ids: Sequence[int]) -> str:
        return model.tokenizer.decode(list(ids), clean_up_tokenization_spaces=False)

    return row | {
        "prefix_ids": list(pivot.prefix),
        "desired": pivot.desired,
        "undesired": pivot.undesired,
        "n_shared": pivot.n_shared,
        "right_ids": list(pivot.right),
        "wrong_ids": list(pivot.wrong),
        "shared_text": text(pivot.prefix[len(pivot.prefix) - pivot.n_shared :]),
        "right_text": text(pivot.right),
        "wrong_text": text(pivot.wrong),
        "desired_text": text(pivot.right[:1]),
        "undesired_text": text(pivot.wrong[:1]),
    }


def read_pivots(path: Path) -> list[dict[str, Any]]:
    """The rows of a `pivots.parquet`; InputError if it is none."""
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as err:
        raise InputError(
            f"'{path}' cannot be read as Parquet ({kind_of(err)})", expected="a pivots.parquet"
        ) from err
    missing = [name for name in SCHEMA.names if name not in table.column_names]
    if missing:
        raise InputError(
            f"'{path}' has no column {', '.join(missing)}",
            expected="a pivots.parquet",
            do="pass the run of `workbench amplify localize`",
        )
    return table.to_pylist()


def pivots_summary(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How many problems have a pivot, why the others have none, and how much was sampled."""
    counts = Counter(row["status"] for row in rows)
    return {
        "n_problems": len(rows),
        "greedy_right": sum(row["greedy_right"] for row in rows) / len(rows),
        "counts": dict(sorted(counts.items())),
        "reasons": {status: REASONS[status] for status in sorted(counts) if REASONS[status]},
        "n_pivots": counts[OK],
        "mean_sampled": sum(row["n_sampled"] for row in rows) / len(rows),
    }


def read_examples(path: Path) -> list[Example]:
    """Prefix, desired and undesired token of every pivot; InputError if there is none."""
    rows = [row for row in read_pivots(path) if row["status"] == OK]
    if not rows:
        raise InputError(
            f"'{path}' holds no pivotal token",
            expected="at least one problem that is solved now and then",
            do="localize on more rows, or on easier ones",
        )
    return [Example(tuple(r["prefix_ids"]), r["desired"], r["undesired"]) for r in rows]
