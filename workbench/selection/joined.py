"""Several score tables of the same rows: joined by row id, each row checked to be one row.

ids = shared_ids({"air": scores, "loss": scores}, same_files=True)
scored = combined([scores, scores], how="rank-mean", same_files=True)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Float64

from workbench.errors import InputError
from workbench.options.select import COMBINED
from workbench.scoring import score_within_length
from workbench.selection.provenance import is_scored_data, scored_files, stages_behind
from workbench.selection.scored_rows import CONTENT
from workbench.selection.tables import read_scores

MISSING = "not_joined"
Ranks = Float64[np.ndarray, "table row"]
COMBINATIONS: Mapping[str, Callable[[Ranks], Float64[np.ndarray, " row"]]] = {
    "rank-mean": lambda ranks: ranks.mean(axis=0),
    "product": lambda ranks: ranks.prod(axis=0),
    "max": lambda ranks: ranks.max(axis=0),
}


def read_combined(paths: Sequence[Path], *, how: str) -> pd.DataFrame:
    """`combined` tables of score runs; tables without hashes are believed if of the same files."""
    behind = [stages_behind(path, path.parent).get("score") for path in paths]
    data = scored_files(behind[0])
    same_files = all(is_scored_data(score, data) for score in behind)
    return combined([read_scores(path) for path in paths], how=how, same_files=same_files)


def shared_ids(tables: Mapping[str, pd.DataFrame], *, same_files: bool) -> pd.Index:
    """Ids of the rows with status ok in all the tables, in the first one's order.

    A row is the same where id and content (`row_sha256`) are; with `same_files` tables that keep no
    hash of it are believed. InputError where a shared id is another row, or no row is shared.
    """
    (first, table), *others = tables.items()
    contents = _contents(first, table)
    ids = contents.index
    for name, other in others:
        there = _contents(name, other)
        ids = ids[ids.isin(there.index)]
        if not len(ids):
            raise InputError(
                f"the rows of '{first}' and '{name}' are of different pools: no row is in both",
                expected="scores of the same data",
                do="score the same data by both",
            )
        one, two = contents.loc[ids], there.loc[ids]
        known = one.notna() & two.notna()
        changed = (known & (one != two)) | (False if same_files else ~known)
        if changed.any():
            raise InputError(
                f"{int(changed.sum())} rows that '{first}' and '{name}' share by id are not known "
                f"to be the same rows (first: row_id '{changed.idxmax()}')",
                expected="equal row_sha256 in both tables",
                do="score the same data by both, in this version",
            )
    return ids


def _contents(name: str, table: pd.DataFrame) -> pd.Series:
    """Row id to the hash of its content, None where not kept, of the rows with status ok."""
    ok = table.loc[(table["status"] == "ok").to_numpy()]
    ids = pd.Index(ok["row_id"].astype(str))
    if not ids.is_unique:
        raise InputError(
            f"row_id '{ids[ids.duplicated()][0]}' stands in '{name}' more than once",
            expected="unique row ids",
            do="score each dataset once, all of them in one run",
        )
    kept = ok[CONTENT].to_numpy(dtype=object) if CONTENT in ok else None
    return pd.Series(kept, index=ids, dtype=object)


def combined(tables: Sequence[pd.DataFrame], *, how: str, same_files: bool) -> pd.DataFrame:
    """The first table with the combined score of the rows that all tables have.

    Its `score_within_length` is that of the combined score; rows that are `ok` in the first table
    and not in all have the status `not_joined`.
    """
    if how not in COMBINED:
        raise InputError(f"combine is '{how}'", expected=f"one of {', '.join(COMBINED)}")
    ids = shared_ids({f"table {i + 1}": t for i, t in enumerate(tables)}, same_files=same_files)
    ranks = np.stack([percentile_ranks(table, ids) for table in tables])
    first = tables[0].assign(row_id=tables[0]["row_id"].astype(str))
    inside = (first["row_id"].isin(ids.tolist()) & (first["status"] == "ok")).to_numpy()
    score = np.full(len(first), np.nan)
    score[inside] = COMBINATIONS[how](ranks)
    lost = (first["status"] == "ok").to_numpy() & ~inside
    # A table of others need not give reasons.
    reasons = first["reason"] if "reason" in first else pd.Series("", first.index, dtype=object)
    within = score_within_length(score, first["n_tokens"].to_numpy(), first["row_id"].tolist())
    return first.assign(
        score=score,
        score_within_length=within,
        status=first["status"].mask(lost, MISSING),
        reason=reasons.mask(lost, "no score in all of the tables"),
    )


def percentile_ranks(table: pd.DataFrame, ids: pd.Index) -> Float64[np.ndarray, " row"]:
    """Of the rows `ids` among themselves by score: in (0, 1), equal scores alike."""
    ok = table.loc[(table["status"] == "ok").to_numpy()]
    scores = ok.set_index(ok["row_id"].astype(str)).loc[ids, "score"]
    return ((scores.rank(method="average") - 0.5) / len(ids)).to_numpy(dtype=np.float64)
