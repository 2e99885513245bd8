"""What the budget is shared out to: the groups of one column, or those that quotas name.

groups = (["a", "b"], np.array([0, 0, 1, 1]))
budget = Budget("rows", 3, np.ones(4, dtype=np.int64))
parts = Parts.of(pool_table[:4], None, budget, groups)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int64

from workbench.errors import InputError
from workbench.selection.budgets import Budget
from workbench.selection.labels import coded
from workbench.selection.policies import POLICIES
from workbench.selection.quotas import Quotas, filled, shared_out


@dataclass(frozen=True)
class Parts:
    """The parts of a pool that the budget is shared out to: their rows, sizes and amounts."""

    labels: list[str]
    codes: Int64[np.ndarray, " sample"]
    sizes: list[int]
    amounts: list[int]

    @classmethod
    def of(
        cls,
        table: pd.DataFrame,
        quotas: Quotas | None,
        budget: Budget,
        by_group: tuple[Sequence[str], Int64[np.ndarray, " sample"]],
    ) -> Parts:
        """By quota where there are any, else as the labels and codes of `by_group` say."""
        labels, codes = by_group
        if quotas:
            labels, codes = coded(pd.Series(table["quota"]))
        sizes = [int(n) for n in np.bincount(codes, budget.costs, len(labels))]
        names = [str(label) for label in labels]
        amounts = shared_out(quotas, budget.amount, names, sizes=sizes)
        return cls(names, codes, sizes, amounts)


def unfilled(
    rows: Int64[np.ndarray, " chosen"], budget: Budget, parts: Parts, quotas: Quotas | None
) -> dict[str, Any]:
    """What of the budget, and of each quota, was taken."""
    costs = budget.costs[rows]
    found: dict[str, Any] = {"unit": budget.unit, "unfilled": int(budget.amount - costs.sum())}
    if quotas:
        taken = np.bincount(parts.codes[rows], costs, len(parts.labels)).astype(int).tolist()
        asked = filled(quotas, parts.labels, parts.sizes, taken)
        found |= {"quota_by": quotas.column, "quotas": asked}
    return found


def check_groups(
    policy: str, quotas: Quotas | None, group_by: str | None, max_per_group: int | None
) -> None:
    """Refuse what says two things of the groups, or too little."""
    if max_per_group is None and quotas and group_by not in (None, quotas.column):
        raise InputError(
            f"the quotas are of {quotas.column} and the groups of {group_by}",
            expected="one column to share the budget out by",
            do="leave out --group-by, or cap its groups with --max-per-group",
        )
    if max_per_group is None:
        return
    if max_per_group < 1:
        raise InputError(f"max_per_group is {max_per_group}", expected="at least 1")
    if group_by is None:
        raise InputError(
            f"at most {max_per_group} rows a group were asked for and no groups",
            expected="the column whose values are the groups",
            do="pass --group-by COLUMN",
        )
    if POLICIES[policy].matches_length:
        raise InputError(
            f"policy {policy} was asked for with a cap on groups",
            expected="another policy: rows of like length may be of other groups",
            do="leave out --max-per-group",
        )
