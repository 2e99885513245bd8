"""The rows a selection may draw from: what `scores.parquet` holds with status `ok`, checked.

table = read_pool(scores, adjust="none", group_by="source")
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from workbench.data import label_text
from workbench.errors import InputError
from workbench.options.select import alike_in
from workbench.selection.alike import among_alike
from workbench.selection.labels import counted, label_texts, one_label

COLUMNS = ("row_id", "row_index", "source", "n_tokens", "score", "status")
ADJUSTED = {"none": "score", "length": "score_within_length"}
LENGTH_BIN = "length_bin"
N_LENGTH_BINS = 10


def read_pool(
    scores: pd.DataFrame,
    *,
    adjust: str = "none",
    group_by: str | None = None,
    groups: pd.Series | None = None,
    quota_by: str | None = None,
    quota_groups: pd.Series | None = None,
    others: Mapping[str, int] | None = None,
) -> pd.DataFrame:
    """The `ok` rows in the order of `row_index`, with the columns `value` and `group` added.

    `value` is what the policy goes by: the score or, with `adjust="length"`, its percentile among
    rows of like length, or with several names among rows alike in all of them, of which
    `table.attrs["alike"]` tells. `group` is the text of the column `group_by`, of `groups` (row for
    row with `scores`), or a tenth of the pool by length for "length_bin"; without any, one group.
    `quota` likewise by `quota_by`, where given, a whole number without its point: 3, not 3.0.
    The index are the rows' places in `scores`; `others` are told of where there is no pool.
    """
    _check_columns(scores, adjust)
    table = scores.reset_index(drop=True)
    table["group"] = _group_labels(scores, group_by, groups)
    if quota_by is not None:
        table["quota"] = _group_labels(scores, quota_by, quota_groups, text=label_text)
    table = _scored(table)
    if table.empty:
        counts = status_counts(scores, others)
        found = ", ".join(f"{n} {status}" for status, n in counts.items())
        raise InputError(
            f"no row has status ok (found {found or 'no rows at all'})",
            expected="at least one scored row",
            do="look at the column 'reason' of the scores",
        )
    table["value"] = _values(table, ADJUSTED.get(adjust, "score"))
    if adjust not in ADJUSTED:
        table["value"], table.attrs["alike"] = among_alike(table, alike_in(adjust))
    for name, by, given in (("group", group_by, groups), ("quota", quota_by, quota_groups)):
        if by == LENGTH_BIN and LENGTH_BIN not in scores.columns and given is None:
            table[name] = _length_bins(table)
    return table


def status_counts(scores: pd.DataFrame, others: Mapping[str, int] | None) -> dict[str, int]:
    """How many rows have which status, in the scores and beside them."""
    return dict(sorted((Counter(counted(pd.Series(scores["status"]))) + Counter(others)).items()))


def bin_name(number: int) -> str:
    """What the bin `number` (from 1) of `length_bin` is called."""
    return f"length bin {number} of {N_LENGTH_BINS}"


def _length_bins(table: pd.DataFrame) -> pd.Categorical:
    place = table["n_tokens"].rank(method="first").to_numpy() - 1
    bins = (place * N_LENGTH_BINS // len(table)).astype(np.int8)
    return pd.Categorical.from_codes(bins, [bin_name(i + 1) for i in range(N_LENGTH_BINS)])


def _check_columns(scores: pd.DataFrame, adjust: str) -> None:
    needed = (*COLUMNS, ADJUSTED.get(adjust, "score"))
    missing = [name for name in needed if name not in scores.columns]
    if missing:
        raise InputError(
            f"the scores lack the column {', '.join(map(repr, missing))}",
            expected="a scores.parquet of this version",
            do="run workbench score again",
        )


def _scored(table: pd.DataFrame) -> pd.DataFrame:
    """The rows with status ok by `row_index`; no copy is made of what is so already."""
    is_ok = (table["status"] == "ok").to_numpy()
    if not is_ok.all():
        table = table.loc[is_ok]
    if not table["row_index"].is_monotonic_increasing:
        table = table.sort_values("row_index", kind="stable")
    return table


def _group_labels(
    scores: pd.DataFrame,
    group_by: str | None,
    groups: pd.Series | None,
    *,
    text: Callable[[Any], str] = str,
) -> pd.Categorical:
    if groups is not None:
        if len(groups) != len(scores):
            raise InputError(
                f"groups has {len(groups)} entries", expected=f"{len(scores)}, one a row of scores"
            )
        values = groups
    elif group_by is None or (group_by == LENGTH_BIN and LENGTH_BIN not in scores.columns):
        return one_label(len(scores))
    elif group_by in scores.columns:
        values = scores[group_by]
    else:
        raise InputError(
            f"there is no column '{group_by}' to group by",
            expected=f"one of {', '.join(map(str, scores.columns))}, or {LENGTH_BIN}",
        )
    return label_texts(pd.Series(values), text)


def _values(table: pd.DataFrame, name: str) -> pd.Series:
    column = pd.Series(table[name])
    if column.dtype != np.float64:
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
        column = pd.Series(numbers, index=table.index)
    n_bad = len(column) - int(np.isfinite(column.to_numpy()).sum())
    if n_bad:
        raise InputError(
            f"{n_bad} of {len(column)} rows with status ok have no finite {name}",
            expected="a number in each",
            do="run workbench score again",
        )
    return column
