"""Selection as a run: `selection.parquet` with its diagnostics.

outcome = run_select(place, scores_path, SelectOptions("soft", fraction=0.1))
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from jaxtyping import UInt32

from workbench.config import file_digest
from workbench.data import Tally, fingerprint_sources
from workbench.options import SelectOptions
from workbench.runs import Finding, Outcome, Place, RunSpec, Task, answer
from workbench.selection import (
    ADJUSTED,
    COLUMNS,
    CONTENT,
    LENGTH_BIN,
    NEAR,
    SCORES,
    OkRows,
    Selection,
    columns_of,
    is_scored_data,
    parse_quotas,
    read_combined,
    read_ok_rows,
    read_scores,
    score_columns,
    select,
    stages_behind,
    text_signatures,
    texts_at,
)
from workbench.types import Progress, no_progress

RESULT = "selection.parquet"
DIAGNOSTICS = "diagnostics.json"
SERIES = "combined"


@dataclass(frozen=True)
class Tables:
    """The score tables that a selection is drawn from; `combine` None where it is one."""

    paths: tuple[Path, ...]
    combine: str | None

    @classmethod
    def of(cls, scores: Path | Sequence[Path], combine: str) -> Tables:
        paths = (scores,) if isinstance(scores, Path) else tuple(scores)
        return cls(paths, combine if len(paths) > 1 else None)

    @property
    def first(self) -> Path:
        return self.paths[0]

    def digests(self) -> str | list[str]:
        found = [file_digest(path) for path in self.paths]
        return found if self.combine else found[0]

    def read(self, options: SelectOptions) -> OkRows:
        """Of one table what the choice looks at, where it looks at few columns."""
        columns = None if self.combine else _looked_at(self.first, options)
        return OkRows(self._whole(), {}) if columns is None else read_ok_rows(self.first, columns)

    def _whole(self) -> pd.DataFrame:
        if self.combine is None:
            return read_scores(self.first)
        return read_combined(self.paths, how=self.combine)

    def chosen(self, selection: Selection) -> pd.DataFrame:
        """The rows of a selection with the hashes of their content, where the scores have them."""
        rows = selection.rows
        if CONTENT in rows or CONTENT not in score_columns(self.first):
            return rows
        return rows.assign(**{CONTENT: texts_at(self.first, CONTENT, selection.places)})

    def methods(self) -> list[str]:
        """What made each table, as far as its run still says so."""
        behind = [self.score(path) for path in self.paths]
        return [str(score["config"].get("method")) if score else "unknown" for score in behind]

    @staticmethod
    def score(path: Path) -> dict[str, Any] | None:
        return stages_behind(path, path.parent).get("score")


def run_select(
    place: Place,
    scores: Path | Sequence[Path],
    options: SelectOptions,
    *,
    data: Sequence[str] = (),
    combine: str = "rank-mean",
) -> Outcome:
    """Draw a subset from a scores table, or from several that are combined row by row.

    A column of groups or quotas that the table does not carry is read from the scored data;
    `length_bin` is worked out from the lengths. Combined scores are kept beside the selection.
    """
    tables = Tables.of(scores, combine)
    spec = RunSpec(
        f"select-{options.policy}",
        config=_config(options) | ({"combine": combine} if tables.combine else {}),
        inputs={"scores": tables.digests(), **_other_data(tables.first, options, data)},
        result_name=RESULT,
        parents=tuple(path.parent.name for path in tables.paths),
        details={"combined": tables.methods()} if tables.combine else {},
    )

    def work(task: Task) -> Finding:
        selection = _drawn(tables, options, data, task)
        said = {"combine": combine, "methods": tables.methods()} if tables.combine else {}
        task.run.write_json(DIAGNOSTICS, selection.diagnostics | said)
        table = pa.Table.from_pandas(tables.chosen(selection), preserve_index=False)
        counts = {"ok": len(selection.rows)}
        if near := selection.diagnostics.get("near_duplicates"):
            counts[NEAR] = near["left_out"]
        return Finding(table, counts=counts)

    return answer(place, spec, work, summary=DIAGNOSTICS)


def _drawn(tables: Tables, options: SelectOptions, data: Sequence[str], task: Task) -> Selection:
    """The selection; scores that were combined for it are kept, tables are let go."""
    scored = tables.read(options)
    if tables.combine:
        part = pa.Table.from_pandas(scored.rows, preserve_index=False)
        task.run.write_part(0, part, series=SERIES)
        task.run.merge_parts(SCORES, n_parts=1, series=SERIES)
    tally = Tally()
    beside = _beside(*(scored.rows, tables.first, options, data), tally, task.progress())
    if tally.n["rows"]:
        task.has_read(tally.summary())
    return _selection(scored, options, beside)


def plan_select(
    scores: Path | Sequence[Path],
    options: SelectOptions,
    *,
    data: Sequence[str] = (),
    combine: str = "rank-mean",
) -> dict[str, Any]:
    """What would be drawn: no pass over a model, and nothing is written."""
    began = time.perf_counter()
    tables = Tables.of(scores, combine)
    scored, tally = tables.read(options), Tally()
    beside = _beside(scored.rows, tables.first, options, data, tally)
    report = _selection(scored, options, beside).diagnostics
    return {
        "forward_passes": 0,
        "rows": report["n_pool"],
        "rows_selected": report["n_selected"],
        "tokens_selected": report["tokens"]["after"],
        "estimated_seconds": round(time.perf_counter() - began, 2),
        **({"read": tally.summary()} if tally.n["rows"] else {}),
    }


def _config(options: SelectOptions) -> dict[str, Any]:
    """The options; what was not asked for of the newer ones leaves the question as it was."""
    config = dataclasses.asdict(options)
    by_hand = {name: sorted(config.pop(name)) for name in ("keep", "drop")}
    newer = {name: config.pop(name) for name in ("quota", "max_per_group", "near_duplicates")}
    return config | {name: value for name, value in (by_hand | newer).items() if value}


@dataclass(frozen=True)
class Beside:
    """What the scored data say of the scored rows: columns of groups and quotas, signatures."""

    columns: Mapping[str, pd.Series]
    signatures: UInt32[np.ndarray, "row place"] | None


def _beside(
    scores: pd.DataFrame,
    scores_path: Path,
    options: SelectOptions,
    data: Sequence[str],
    tally: Tally,
    on_progress: Progress = no_progress,
) -> Beside:
    """What is not in the table; `tally` counts the rows read for it, once."""
    outside, signatures = _outside(scores.columns.tolist(), options), None
    found = columns_of(scores, scores_path, data, outside, tally=tally) if outside else {}
    if options.near_duplicates is not None:
        signatures = text_signatures(
            *(scores, scores_path, data),
            tally=None if outside else tally,
            on_progress=on_progress,
        )
    return Beside(found, signatures)


def _selection(scored: OkRows, options: SelectOptions, beside: Beside) -> Selection:
    by_quota = quota_column(options)
    return select(
        scored.rows,
        **dataclasses.asdict(options),
        groups=beside.columns.get(options.group_by or ""),
        quota_groups=beside.columns.get(by_quota or ""),
        signatures=beside.signatures,
        others=scored.others,
    )


def quota_column(options: SelectOptions) -> str | None:
    quotas = parse_quotas(options.quota)
    return quotas.column if quotas else None


def _outside(known: Sequence[str], options: SelectOptions) -> list[str]:
    """The columns of groups and quotas that stand in the data and not in the scores."""
    asked = dict.fromkeys(filter(None, (options.group_by, quota_column(options))))
    return [name for name in asked if name not in {LENGTH_BIN, *known}]


def _reads_data(known: Sequence[str], options: SelectOptions) -> bool:
    return options.near_duplicates is not None or bool(_outside(known, options))


def _looked_at(scores_path: Path, options: SelectOptions) -> list[str] | None:
    """The columns of a table that the choice looks at; None for all."""
    if options.adjust not in ADJUSTED:
        return None
    asked = (ADJUSTED[options.adjust], options.group_by, quota_column(options))
    # Rows are known by their content where the data are read.
    contents = [CONTENT] * _reads_data(score_columns(scores_path), options)
    return [*COLUMNS, *filter(None, asked), *contents]


def _other_data(
    scores_path: Path, options: SelectOptions, data: Sequence[str]
) -> dict[str, list[dict[str, Any]]]:
    """The fingerprint of data that is read and is not, byte for byte, what was scored."""
    if not data or not _reads_data(score_columns(scores_path), options):
        return {}
    found = fingerprint_sources(data)
    score = stages_behind(scores_path, scores_path.parent).get("score")
    return {} if is_scored_data(score, found) else {"data": found}
