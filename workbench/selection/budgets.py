"""How much is taken: a share of the rows, a number of rows, or a number of tokens.

All three become one thing, an amount and what each row costs of it, so that spreading an amount
over groups and walking an order until it is used up are written once.

    budget = resolve_budget(Request(fraction=0.1), n_tokens)
    rows = order[: n_affordable(budget.costs[order], budget.amount)]
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
from jaxtyping import Int64

from workbench.errors import InputError

EXACTLY_ONE = "exactly one of fraction, n and tokens"


@dataclass(frozen=True)
class Request:
    """The budget as asked for; exactly one field is set."""

    fraction: float | None = None
    n: int | None = None
    tokens: int | None = None


@dataclass(frozen=True)
class Budget:
    """An amount of rows or tokens, and what each row of the pool costs of it."""

    unit: str
    amount: int
    costs: Int64[np.ndarray, " sample"]


def resolve_budget(request: Request, n_tokens: Int64[np.ndarray, " sample"]) -> Budget:
    """The budget for a pool whose rows have `n_tokens`; `InputError` if it cannot be met."""
    given = [name for name in ("fraction", "n", "tokens") if getattr(request, name) is not None]
    if len(given) != 1:
        what = f"the budget is given by {' and '.join(given)}" if given else "no budget is given"
        raise InputError(what, expected=EXACTLY_ONE, do="pass for example --fraction 0.1")
    if request.tokens is not None:
        _check_amount("tokens", request.tokens, int(n_tokens.sum()))
        return Budget("tokens", request.tokens, n_tokens)
    rows = np.broadcast_to(np.int64(1), n_tokens.shape)
    if request.n is not None:
        _check_amount("n", request.n, len(rows))
        return Budget("rows", request.n, rows)
    return Budget("rows", rows_of_fraction(request.fraction or 0.0, len(rows)), rows)


def rows_of_fraction(fraction: float, n_pool: int) -> int:
    """`fraction` of `n_pool` rows, halves rounded up, at least one."""
    if not 0 < fraction <= 1:
        raise InputError(
            f"fraction is {fraction}",
            expected="a number above 0 and at most 1",
            do="pass for example --fraction 0.1",
        )
    # Decimal takes the number as it was written: 0.145 of 100 rows is 14.5, not 14.4999...
    exact = Decimal(repr(float(fraction))) * n_pool
    return max(1, int(exact.to_integral_value(ROUND_HALF_UP)))


def _check_amount(name: str, amount: int, pool: int) -> None:
    unit = "rows" if name == "n" else "tokens"
    if not 1 <= amount <= pool:
        raise InputError(
            f"{name} is {amount}",
            expected=f"1 to {pool}, the pool holds {pool} {unit} with status ok",
            do=f"pass a smaller --{name}" if amount > pool else f"pass a larger --{name}",
        )


def spread(amount: int, sizes: Sequence[int]) -> list[int]:
    """`amount` over groups in proportion to `sizes` by largest remainder; ties to the larger.

    No group gets more than its size as long as `amount` is at most the sum of the sizes.
    """
    total = sum(sizes)
    quotas = [amount * size // total for size in sizes]
    remainders = [amount * size % total for size in sizes]
    order = sorted(range(len(sizes)), key=lambda i: (-remainders[i], -sizes[i], i))
    for i in order[: amount - sum(quotas)]:
        quotas[i] += 1
    return quotas


def n_affordable(costs: Int64[np.ndarray, " sample"], amount: int) -> int:
    """How many rows from the first on fit `amount`; the walk stops at the first that does not.

    Later, smaller rows are not taken instead: that would favour short rows.
    """
    return int(np.searchsorted(np.cumsum(costs), amount, side="right"))
