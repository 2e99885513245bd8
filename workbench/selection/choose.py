"""Which rows a budget takes from a policy's order: group by group, or at most so many of a group.

from workbench.selection.policies import POLICIES, uniforms

pool = Pool(np.array([0.2, 0.5]), np.array([90, 120]), uniforms(["a", "b"], seed=0))
one, budget = np.zeros(2, dtype=np.int64), Budget("rows", 1, np.ones(2, dtype=np.int64))
rows = choose(pool, POLICIES["top"], budget, one, amounts=[1])
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int64

from workbench.selection.budgets import Budget, n_affordable
from workbench.selection.policies import Policy, Pool, match_lengths


def choose(
    pool: Pool,
    policy: Policy,
    budget: Budget,
    codes: Int64[np.ndarray, " sample"],
    *,
    amounts: Sequence[int],
) -> Int64[np.ndarray, " chosen"]:
    """Positions of the chosen rows in the policy's order; `amounts` of the budget a group."""
    order = policy.order(pool)
    if len(amounts) == 1:
        return _taken(order, amounts[0], policy, budget, pool).copy()
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    chosen, places = [], []
    for group, amount in zip(_split(order, codes[order]), amounts, strict=True):
        chosen.append(_taken(group, amount, policy, budget, pool))
        # A matched row takes the place in the order of the row it stands for.
        places.append(place[group[: len(chosen[-1])]])
    return np.concatenate(chosen)[np.argsort(np.concatenate(places), kind="stable")]


def _taken(
    group: Int64[np.ndarray, " member"], amount: int, policy: Policy, budget: Budget, pool: Pool
) -> Int64[np.ndarray, " chosen"]:
    """What an amount takes of rows in the policy's order."""
    rows = group[: n_affordable(budget.costs[group], amount)]
    if policy.matches_length and len(rows):
        rows = _matched(rows, group, pool)
        rows = rows[: n_affordable(budget.costs[rows], amount)]
    return rows


def choose_capped(
    order: Int64[np.ndarray, " sample"],
    budget: Budget,
    codes: Int64[np.ndarray, " sample"],
    capped: Int64[np.ndarray, " sample"],
    *,
    amounts: Sequence[int],
    most: int,
) -> Int64[np.ndarray, " chosen"]:
    """The same walk down one `order`, past the rows of groups (`capped`) that have `most` already.

    As without a cap, what has an amount ends at the first row that does not fit.
    """
    left, room = list(amounts), [most] * (int(capped.max()) + 1)
    n_open, chosen = len(left), []
    walked = (order, codes[order], capped[order], budget.costs[order])
    for row, code, group, cost in zip(*(part.tolist() for part in walked), strict=True):
        if not n_open:
            break
        if not room[group] or left[code] < 0:
            continue
        if cost > left[code]:
            left[code], n_open = -1, n_open - 1
            continue
        left[code] -= cost
        room[group] -= 1
        chosen.append(row)
    return np.array(chosen, dtype=np.int64)


def _split(
    order: Int64[np.ndarray, " sample"], codes: Int64[np.ndarray, " sample"]
) -> list[np.ndarray]:
    """`order` taken apart by group, each part still in order."""
    by_group = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes))[:-1]
    return np.split(order[by_group], ends)


def _matched(
    rows: Int64[np.ndarray, " chosen"], group: Int64[np.ndarray, " member"], pool: Pool
) -> Int64[np.ndarray, " chosen"]:
    if len(group) == len(pool.scores):
        return match_lengths(rows, pool)
    members = np.sort(group)
    part = Pool(pool.scores[members], pool.n_tokens[members], pool.uniforms[members])
    return members[match_lengths(np.searchsorted(members, rows), part)]
