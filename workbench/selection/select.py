"""Choose rows by their scores: one policy, one budget, on request group by group or by quotas.

chosen = select(scores, policy="soft", fraction=0.1, seed=0)
chosen.rows, chosen.diagnostics
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float64, Int64, UInt32

from workbench.errors import InputError
from workbench.selection.budgets import Budget, Request, resolve_budget
from workbench.selection.choose import choose, choose_capped
from workbench.selection.diagnostics import describe
from workbench.selection.distinct import NEAR, without_near_duplicates
from workbench.selection.labels import coded
from workbench.selection.parts import Parts, check_groups, unfilled
from workbench.selection.policies import POLICIES, Policy, Pool, uniforms
from workbench.selection.pool import read_pool, status_counts
from workbench.selection.quotas import Quotas, parse_quotas
from workbench.selection.scored_rows import CONTENT


@dataclass(frozen=True)
class Selection:
    """The chosen rows in the policy's order, and what the choice did to the data.

    `rows` has `row_id`, `row_index`, `score` (as scored, before any adjustment), `p`, `rank` and,
    where the scores have it, `row_sha256`.
    `p` is the chance of the row to be the first one drawn: its share of the weights of the pool
    (of its group's weights, times the group's share of the selection), 1/n where nothing is drawn.
    `places` are those of the rows in the scores.
    """

    rows: pd.DataFrame
    diagnostics: dict[str, Any]
    places: Int64[np.ndarray, " chosen"]


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
    near_duplicates: float | None = None,
    signatures: UInt32[np.ndarray, "row place"] | None = None,
    others: Mapping[str, int] | None = None,
) -> Selection:
    """Select from the `ok` rows of a scores table (CircuitSeer, arXiv 2510.18470, and controls).

    The budget is exactly one of `fraction`, `n` and `tokens`; a token budget is never exceeded.
    With groups it is spread over them in proportion to their size (rows, or tokens for a token
    budget) and the policy works within each. Raises `InputError` for what cannot be done.

    `quota` (`COLUMN=VALUE:COUNT`) says how much of the budget some groups of one column get; the
    others share the rest in proportion, and without a budget the quotas are the budget. With
    `max_per_group` the groups share nothing out: rows are taken in the policy's order, past those
    of a group that has as many. What could not be filled is in the diagnostics.

    With `near_duplicates`, of rows whose texts are estimated to be at least so alike (by their
    `signatures`, row for row with `scores`) only the first in the policy's order stays in the pool.
    A policy that draws orders them by a draw of its own: copies make no row likelier to be drawn.

    `others`: rows by status that are to be counted and that `scores` leave out.

    By hand: row ids of `drop` leave the pool before the draw; those of `keep` that were not drawn
    come last, on top of the budget.
    """
    _check(policy, temperature)
    quotas = parse_quotas(quota)
    check_groups(policy, quotas, group_by, max_per_group)
    scores, near = _without(scores, drop), None
    if near_duplicates is not None:
        own_seed = f"{seed}|{NEAR}"
        scores, near = without_near_duplicates(
            *(scores, signatures),
            lambda table: POLICIES[policy].order(_pool(table, policy, temperature, own_seed)),
            least=near_duplicates,
            adjust=adjust,
            keep=keep,
        )
    table = read_pool(
        scores,
        adjust=adjust,
        group_by=group_by,
        groups=groups,
        quota_by=quotas.column if quotas else None,
        quota_groups=quota_groups,
        others=others,
    )
    pool = _pool(table, policy, temperature, seed)
    budget = _budget(Request(fraction, n, tokens), quotas, pool)
    labels, groups_of = coded(pd.Series(table["group"]))
    # Groups with a cap share nothing out: then all rows are one part.
    one = max_per_group is not None
    by_group = ([""], np.zeros_like(groups_of)) if one else (labels, groups_of)
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
        settings |= unfilled(rows, budget, parts, quotas)
        settings |= {"max_per_group": max_per_group} if max_per_group else {}
    rows = _with_kept(table, rows, keep)
    report = describe(table, rows, p, statuses=status_counts(scores, others))
    if len(labels) == 1:
        report.pop("groups")
    if alike := table.attrs.get("alike"):
        report["alike"] = alike
    if near is not None:
        report["near_duplicates"] = near
    return Selection(_rows_table(table, rows, p), settings | report, table.index.to_numpy()[rows])


def _check_some(rows: Int64[np.ndarray, " chosen"], budget: Budget, pool: Pool) -> None:
    if len(rows) == 0:
        raise InputError(
            f"{budget.unit} is {budget.amount}, which holds not one row",
            expected=f"a budget for rows of {round(float(pool.n_tokens.mean()))} tokens on average",
            do=f"pass a larger --{'tokens' if budget.unit == 'tokens' else 'quota'}",
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
    return scores.assign(status=scores["status"].astype(str).mask(is_dropped, "dropped"))


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


def _pool(table: pd.DataFrame, policy: str, temperature: float, seed: int | str) -> Pool:
    values = table["value"].to_numpy(dtype=np.float64)
    numbers = _numbers(pd.Series(table["row_id"]), seed)
    if policy == "soft":
        _check_not_negative(values)
    return Pool(
        scores=values,
        n_tokens=table["n_tokens"].to_numpy(dtype=np.int64),
        uniforms=numbers,
        temperature=temperature,
    )


def _numbers(row_ids: pd.Series, seed: int | str) -> Float64[np.ndarray, " sample"]:
    """The random number of each row; InputError where an id is there twice."""
    numbers = uniforms(row_ids, seed)
    # Equal ids have equal numbers, and to look for these takes far less memory.
    may_repeat = bool((np.diff(np.sort(numbers)) == 0).any())
    if may_repeat and (twice := row_ids[row_ids.duplicated().to_numpy()].tolist()):
        raise InputError(
            f"row_id '{twice[0]}' stands in the scores more than once",
            expected="unique row ids",
            do="score each dataset once, all of them in one run",
        )
    return numbers


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
    # In place, step by step: a pool may be large.
    weights = policy.log_weights(pool)
    highest = np.full(codes.max() + 1, -np.inf)
    np.maximum.at(highest, codes, weights)
    has_none = np.isneginf(highest)
    if has_none.any():
        # A group in which every score is 0 has no weights: there the draw is uniform.
        weights[has_none[codes]] = 0.0
    weights -= np.where(has_none, 0.0, highest)[codes]
    np.exp(weights, out=weights)
    shares = np.bincount(codes[rows], minlength=len(highest)) / len(rows)
    weights /= np.bincount(codes, weights)[codes]
    weights *= shares[codes]
    return weights


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
