"""Choose rows by their scores: one policy, one budget, on request group by group.

chosen = select(scores, policy="soft", fraction=0.1, seed=0)
chosen.rows, chosen.diagnostics
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float64, Int64

from workbench.errors import InputError
from workbench.selection.budgets import Budget, Request, n_affordable, resolve_budget, spread
from workbench.selection.diagnostics import describe
from workbench.selection.policies import POLICIES, Policy, Pool, match_lengths, uniforms
from workbench.selection.pool import read_pool
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
) -> Selection:
    """Select from the `ok` rows of a scores table (CircuitSeer, arXiv 2510.18470, and controls).

    The budget is exactly one of `fraction`, `n` and `tokens`; a token budget is never exceeded.
    With groups it is spread over them in proportion to their size (rows, or tokens for a token
    budget) and the policy works within each. Raises `InputError` for what cannot be done.

    By hand: row ids of `drop` leave the pool before the draw; those of `keep` that were not drawn
    come last, on top of the budget.
    """
    _check(policy, temperature)
    scores = _without(scores, drop)
    table = read_pool(scores, adjust=adjust, group_by=group_by, groups=groups)
    pool = _pool(table, temperature, seed)
    if policy == "soft":
        _check_not_negative(pool.scores)
    budget = resolve_budget(Request(fraction, n, tokens), pool.n_tokens)
    labels, codes = np.unique(table["group"].to_numpy(dtype=object), return_inverse=True)
    rows = _choose(pool, POLICIES[policy], budget, codes)
    if len(rows) == 0:
        raise InputError(
            f"tokens is {budget.amount}, which holds not one row",
            expected=f"a budget for rows of {round(float(pool.n_tokens.mean()))} tokens on average",
            do="pass a larger --tokens",
        )
    p = _probabilities(pool, POLICIES[policy], rows, codes)
    rows = _with_kept(table, rows, keep)
    settings = {
        "policy": policy,
        "adjust": adjust,
        "temperature": temperature if policy == "soft" else None,
        "group_by": group_by if groups is None else (group_by or str(groups.name)),
        "seed": seed,
        "budget": {"fraction": fraction, "n": n, "tokens": tokens},
    }
    report = describe(table, rows, p, statuses=scores["status"].tolist())
    if len(labels) == 1:
        report.pop("groups")
    if alike := table.attrs.get("alike"):
        report["alike"] = alike
    return Selection(_rows_table(table, rows, p), settings | report)


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


def _choose(
    pool: Pool, policy: Policy, budget: Budget, codes: Int64[np.ndarray, " sample"]
) -> Int64[np.ndarray, " chosen"]:
    """Positions of the chosen rows in the policy's order."""
    order = policy.order(pool)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    ordered_groups = _split(order, codes[order])
    sizes = [int(budget.costs[group].sum()) for group in ordered_groups]
    chosen, places = [], []
    for group, quota in zip(ordered_groups, spread(budget.amount, sizes), strict=True):
        rows = group[: n_affordable(budget.costs[group], quota)]
        # A matched row takes the place in the order of the row it stands for.
        places.append(place[rows])
        if policy.matches_length and len(rows):
            rows = _matched(rows, np.sort(group), pool)
            rows = rows[: n_affordable(budget.costs[rows], quota)]
            places[-1] = places[-1][: len(rows)]
        chosen.append(rows)
    return np.concatenate(chosen)[np.argsort(np.concatenate(places), kind="stable")]


def _split(
    order: Int64[np.ndarray, " sample"], codes: Int64[np.ndarray, " sample"]
) -> list[np.ndarray]:
    """`order` taken apart by group, each part still in order."""
    by_group = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes))[:-1]
    return np.split(order[by_group], ends)


def _matched(
    rows: Int64[np.ndarray, " chosen"], members: Int64[np.ndarray, " member"], pool: Pool
) -> Int64[np.ndarray, " chosen"]:
    group = Pool(pool.scores[members], pool.n_tokens[members], pool.uniforms[members])
    return members[match_lengths(np.searchsorted(members, rows), group)]


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
