"""Choose rows by their scores: one policy, one budget, on request group by group or by quotas.

chosen = select(scores, policy="soft", fraction=0.1, seed=0)
chosen.rows, chosen.diagnostics
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float64, Int64

from workbench.errors import InputError
from workbench.selection.budgets import Budget, Request, resolve_budget
from workbench.selection.choose import choose, choose_capped
from workbench.selection.diagnostics import describe
from workbench.selection.policies import POLICIES, Policy, Pool, uniforms
from workbench.selection.pool import read_pool
from workbench.selection.quotas import Quotas, filled, parse_quotas, shared_out
from workbench.selection.scored_rows import CONTENT


@dataclass(frozen=True)
class Selection:
    """The chosen rows in the policy's order, and what the choice did to the data.

    `rows` has `row_id`, `row_index`, `score` (as scored, before any adjustment), `p`, `rank` and,
    where the scores have it, `row_sha256`.
    `p` is the chance of the row to be the first one drawn: its share of the weights of the pool
    (of its group's weights, times the group's share of the selection), 1/n where nothing is drawn.
    """

    rows: pd.DataFrame
    diagnostics: dict[str, Any]


def select(
    scores: pd.DataFrame,
    *,
    policy: str,
    fraction: float | None = None,
    n: int | None = None,
    tokens: int | None = None,
    temperature: float = 1.0,
    adjust: str = "none",
    group_by: str | None = None,
    seed: int = 0,
    groups: pd.Series | None = None,
    keep: Collection[str] = (),
    drop: Collection[str] = (),
    quota: Sequence[str] = (),
    quota_groups: pd.Series | None = None,
    max_per_group: int | None = None,
) -> Selection:
    """Select from the `ok` rows of a scores table (CircuitSeer, arXiv 2510.18470, and controls).

    The budget is exactly one of `fraction`, `n` and `tokens`; a token budget is never exceeded.
    With groups it is spread over them in proportion to their size (rows, or tokens for a token
    budget) and the policy works within each. Raises `InputError` for what cannot be done.

    `quota` (`COLUMN=VALUE:COUNT`) says how much of the budget some groups of one column get; the
    others share the rest in proportion, and without a budget the quotas are the budget. With
    `max_per_group` the groups share nothing out: rows are taken in the policy's order, past those
    of a group that has as many. What could not be filled is in the diagnostics.

    By hand: row ids of `drop` leave the pool before the draw; those of `keep` that were not drawn
    come last, on top of the budget.
    """
    _check(policy, temperature)
    quotas = parse_quotas(quota)
    _check_groups(policy, quotas, group_by, max_per_group)
    scores = _without(scores, drop)
    table = read_pool(
        scores,
        adjust=adjust,
        group_by=group_by,
        groups=groups,
        quota_by=quotas.column if quotas else None,
        quota_groups=quota_groups,
    )
    pool = _pool(table, temperature, seed)
    if policy == "soft":
        _check_not_negative(pool.scores)
    budget = _budget(Request(fraction, n, tokens), quotas, pool)
    labels, groups_of = np.unique(table["group"].to_numpy(dtype=object), return_inverse=True)
    # Groups with a cap share nothing out: then all rows are one part.
    one = (np.array([""], dtype=object), np.zeros(len(table), dtype=np.int64))
    by_group = (labels, groups_of) if max_per_group is None else one
    parts = Parts.of(table, quotas, budget, by_group)
    if max_per_group is None:
        rows = choose(pool, POLICIES[policy], budget, parts.codes, amounts=parts.amounts)
    else:
        order = POLICIES[policy].order(pool)
        how = {"amounts": parts.amounts, "most": max_per_group}
        rows = choose_capped(order, budget, parts.codes, groups_of, **how)
    _check_some(rows, budget, pool)
    p = _probabilities(pool, POLICIES[policy], rows, parts.codes)
    settings = {
        "policy": policy,
        "adjust": adjust,
        "temperature": temperature if policy == "soft" else None,
        "group_by": group_by if groups is None else (group_by or str(groups.name)),
        "seed": seed,
        "budget": {"fraction": fraction, "n": n, "tokens": tokens},
    }
    if quotas or max_per_group is not None:
        settings |= _unfilled(rows, budget, parts, quotas)
        settings |= {"max_per_group": max_per_group} if max_per_group else {}
    rows = _with_kept(table, rows, keep)
    report = describe(table, rows, p, statuses=scores["status"].tolist())
    if len(labels) == 1:
        report.pop("groups")
    if alike := table.attrs.get("alike"):
        report["alike"] = alike
    return Selection(_rows_table(table, rows, p), settings | report)


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
        by_group: tuple[np.ndarray, np.ndarray],
    ) -> Parts:
        """By quota where there are any, else as the labels and codes of `by_group` say."""
        labels, codes = by_group
        if quotas:
            found = table["quota"].to_numpy(dtype=object)
            labels, codes = np.unique(found, return_inverse=True)
        sizes = [int(n) for n in np.bincount(codes, budget.costs, len(labels))]
        names = [str(label) for label in labels]
        amounts = shared_out(quotas, budget.amount, names, sizes=sizes)
        return cls(names, codes.astype(np.int64), sizes, amounts)


def _check_some(rows: Int64[np.ndarray, " chosen"], budget: Budget, pool: Pool) -> None:
    if len(rows) == 0:
        raise InputError(
            f"{budget.unit} is {budget.amount}, which holds not one row",
            expected=f"a budget for rows of {round(float(pool.n_tokens.mean()))} tokens on average",
            do=f"pass a larger --{'tokens' if budget.unit == 'tokens' else 'quota'}",
        )


def _unfilled(
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


def _check_groups(
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


def _budget(request: Request, quotas: Quotas | None, pool: Pool) -> Budget:
    """As asked for; where nothing is, the quotas are the budget, in rows."""
    if quotas and request == Request():
        return Budget("rows", quotas.total, np.ones(len(pool.n_tokens), dtype=np.int64))
    return resolve_budget(request, pool.n_tokens)


def _check(policy: str, temperature: float) -> None:
    if policy not in POLICIES:
        raise InputError(f"policy is '{policy}'", expected=f"one of {', '.join(POLICIES)}")
    if not (temperature > 0 and math.isfinite(temperature)):
        raise InputError(
            f"temperature is {temperature}",
            expected="a finite number above 0",
            do="use --policy top for the limit 0 and --policy random for infinity",
        )


def _without(scores: pd.DataFrame, drop: Collection[str]) -> pd.DataFrame:
    """The scores with the status `dropped` at the rows that were dropped by hand."""
    if not drop or not {"row_id", "status"} <= set(scores):
        return scores
    is_dropped = scores["row_id"].isin(list(set(drop))) & (scores["status"] == "ok")
    return scores.assign(status=scores["status"].mask(is_dropped, "dropped"))


def _with_kept(
    table: pd.DataFrame, rows: Int64[np.ndarray, " chosen"], keep: Collection[str]
) -> Int64[np.ndarray, " chosen_and_kept"]:
    """`rows`, then the rows kept by hand that are not among them."""
    if not keep:
        return rows
    kept = np.flatnonzero(table["row_id"].isin(list(set(keep))).to_numpy())
    return np.concatenate([rows, np.setdiff1d(kept, rows)])


def _check_not_negative(values: Float64[np.ndarray, " sample"]) -> None:
    n_negative = int((values < 0).sum())
    if n_negative:
        raise InputError(
            f"{n_negative} of {len(values)} scores are negative (lowest {values.min():.6g})",
            expected="scores of at least 0 as weights for policy soft",
            do="use --policy top or bottom, or --adjust length",
        )


def _pool(table: pd.DataFrame, temperature: float, seed: int) -> Pool:
    return Pool(
        scores=table["value"].to_numpy(dtype=np.float64),
        n_tokens=table["n_tokens"].to_numpy(dtype=np.int64),
        uniforms=uniforms(table["row_id"].tolist(), seed),
        temperature=temperature,
    )


def _probabilities(
    pool: Pool,
    policy: Policy,
    rows: Int64[np.ndarray, " chosen"],
    codes: Int64[np.ndarray, " sample"],
) -> Float64[np.ndarray, " sample"]:
    """`p` of every row of the pool; sums to 1."""
    if policy.log_weights is None:
        p = np.zeros(len(codes))
        p[rows] = 1 / len(rows)
        return p
    log_weights = policy.log_weights(pool)
    highest = np.full(codes.max() + 1, -np.inf)
    np.maximum.at(highest, codes, log_weights)
    # A group in which every score is 0 has no weights: there the draw is uniform.
    log_weights = np.where(np.isneginf(highest[codes]), 0.0, log_weights)
    weights = np.exp(log_weights - np.where(np.isneginf(highest), 0.0, highest)[codes])
    shares = np.bincount(codes[rows], minlength=len(highest)) / len(rows)
    return weights / np.bincount(codes, weights)[codes] * shares[codes]


def _rows_table(
    table: pd.DataFrame,
    rows: Int64[np.ndarray, " chosen"],
    p: Float64[np.ndarray, " sample"],
) -> pd.DataFrame:
    chosen = table.iloc[rows]
    kept = {CONTENT: chosen[CONTENT].to_numpy()} if CONTENT in table else {}
    return pd.DataFrame(
        {
            "row_id": chosen["row_id"].astype(str).to_numpy(),
            "row_index": chosen["row_index"].to_numpy(dtype=np.int64),
            "score": chosen["score"].to_numpy(dtype=np.float64),
            "p": p[rows],
            "rank": np.arange(1, len(rows) + 1, dtype=np.int64),
            **kept,
        }
    ).astype({"row_id": str})
