"""Selection as a run: `selection.parquet` with its diagnostics.

outcome = run_select(place, scores_path, SelectOptions("soft", fraction=0.1))
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from workbench.config import file_digest
from workbench.data import fingerprint_sources, read_samples
from workbench.errors import InputError
from workbench.options import SelectOptions
from workbench.runs import Finding, Outcome, Place, RunSpec, Task, answer
from workbench.selection import (
    LENGTH_BIN,
    Selection,
    is_scored_data,
    read_scores,
    scored_as,
    scored_data,
    scored_rows,
    select,
    stages_behind,
)
from workbench.types import Sample

RESULT = "selection.parquet"
DIAGNOSTICS = "diagnostics.json"


def run_select(
    place: Place, scores_path: Path, options: SelectOptions, *, data: Sequence[str] = ()
) -> Outcome:
    """Draw a subset from a scores table.

    A `group_by` column that the table does not carry is read from the scored data; `length_bin`
    is worked out from the lengths.
    """
    spec = RunSpec(
        f"select-{options.policy}",
        config=_config(options),
        inputs={"scores": file_digest(scores_path), **_other_data(scores_path, options, data)},
        result_name=RESULT,
        parents=(scores_path.parent.name,),
    )

    def work(task: Task) -> Finding:
        selection = _selection(scores_path, options, data)
        task.run.write_json(DIAGNOSTICS, selection.diagnostics)
        table = pa.Table.from_pandas(selection.rows, preserve_index=False)
        return Finding(table, counts={"ok": len(selection.rows)})

    return answer(place, spec, work, summary=DIAGNOSTICS)


def plan_select(
    scores_path: Path, options: SelectOptions, *, data: Sequence[str] = ()
) -> dict[str, Any]:
    """What would be drawn: no pass over a model, and nothing is written."""
    began = time.perf_counter()
    report = _selection(scores_path, options, data).diagnostics
    return {
        "forward_passes": 0,
        "rows": report["n_pool"],
        "rows_selected": report["n_selected"],
        "tokens_selected": report["tokens"]["after"],
        "estimated_seconds": round(time.perf_counter() - began, 2),
    }


def _config(options: SelectOptions) -> dict[str, Any]:
    """The options; without rows chosen by hand, the question is the one without such options."""
    config = dataclasses.asdict(options)
    by_hand = {name: sorted(config.pop(name)) for name in ("keep", "drop")}
    return config | {name: row_ids for name, row_ids in by_hand.items() if row_ids}


def _selection(scores_path: Path, options: SelectOptions, data: Sequence[str]) -> Selection:
    scores = read_scores(scores_path)
    groups = None
    if _reads_data(scores_path, options):
        groups = _column(scores, scores_path, list(data), str(options.group_by))
    return select(scores, **dataclasses.asdict(options), groups=groups)


def _reads_data(scores_path: Path, options: SelectOptions) -> bool:
    """Whether the groups stand in the data and not in the scores."""
    known = [LENGTH_BIN, *pq.read_schema(scores_path).names] if options.group_by else []
    return bool(options.group_by) and options.group_by not in known


def _other_data(
    scores_path: Path, options: SelectOptions, data: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    """The fingerprint of data that is read and is not, byte for byte, what was scored."""
    if not data or not _reads_data(scores_path, options):
        return {}
    found = fingerprint_sources(data)
    score = stages_behind(scores_path, scores_path.parent).get("score")
    return {} if is_scored_data(score, found) else {"data": found}


def _column(scores: pd.DataFrame, scores_path: Path, data: list[str], column: str) -> pd.Series:
    """One column of the scored data for the rows of the scores, by their ids; None where missing.

    InputError where a row with a score is not in the data, or is there with another content.
    """
    score = stages_behind(scores_path, scores_path.parent).get("score")
    sources = data or scored_data(score)
    same_files = not data or is_scored_data(score, fingerprint_sources(data))
    scored = scored_rows(scores, same_files=same_files)
    values = {
        row.row_id: row.row.get(column)
        for row in scored.checked(read_samples(sources, scored_as(score)))
        if isinstance(row, Sample)
    }
    scored.refuse_missing(scored.contents.keys() - values.keys())
    if all(value is None for value in values.values()):
        raise InputError(
            f"no column '{column}' in {', '.join(sources)}",
            expected="a column of the scored data",
            do="pass another --group-by",
        )
    return pd.Series([values.get(row_id) for row_id in scores["row_id"]], name=column)
