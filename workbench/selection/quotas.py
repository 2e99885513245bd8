"""How many rows of which label: `--quota COLUMN=VALUE:COUNT`, and what could not be filled.

quotas = parse_quotas(["source=a.jsonl:2", "source=b.jsonl:1"])
amounts = shared_out(quotas, 4, ["a.jsonl", "b.jsonl", "c.jsonl"], sizes=[2, 2, 9])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.errors import InputError
from workbench.selection.budgets import spread
from workbench.selection.pool import LENGTH_BIN, bin_name

SYNTAX = "COLUMN=VALUE:COUNT, such as source=algebra.jsonl:200"


@dataclass(frozen=True)
class Quotas:
    """Exact amounts (rows, or tokens of a token budget) for some values of one column."""

    column: str
    amounts: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.amounts.values())


def parse_quotas(texts: Sequence[str]) -> Quotas | None:
    """The quotas as written, None without any; they must all be of one column."""
    if not texts:
        return None
    amounts: dict[str, int] = {}
    columns = set()
    for text in texts:
        column, value, count = _parts(text)
        if value in amounts:
            raise InputError(f"the quota for '{value}' is given twice", expected="once each")
        columns.add(column)
        amounts[value] = count
    if len(columns) > 1:
        raise InputError(
            f"the quotas are of the columns {' and '.join(sorted(columns))}",
            expected="quotas of one column",
            do="make a selection for each, or a column that holds both",
        )
    return Quotas(columns.pop(), amounts)


def _parts(text: str) -> tuple[str, str, int]:
    """A value may hold any sign: the first = and the last : count."""
    column, is_there, rest = text.partition("=")
    value, _, count = rest.rpartition(":")
    if not (column and is_there and value and count.isascii() and count.isdigit()):
        raise InputError(f"the quota is '{text}'", expected=SYNTAX, do="pass another --quota")
    is_bin = column == LENGTH_BIN and value.isascii() and value.isdigit()
    return column, bin_name(int(value)) if is_bin else value, int(count)


def shared_out(
    quotas: Quotas | None, amount: int, labels: Sequence[str], *, sizes: Sequence[int]
) -> list[int]:
    """How much of `amount` each label gets: its quota, the others in proportion to their sizes.

    Raises InputError for a value that no row has, and for quotas of more than the whole.
    """
    if quotas is None:
        return spread(amount, sizes)
    if unknown := [value for value in quotas.amounts if value not in labels]:
        known = ", ".join(map(repr, labels[:12])) + (", ..." if len(labels) > 12 else "")
        raise InputError(
            f"no row of the pool has {quotas.column} '{unknown[0]}'",
            expected=f"one of {known}",
            do="pass another --quota",
        )
    if quotas.total > amount:
        raise InputError(
            f"the quotas ask for {quotas.total} of a budget of {amount}",
            expected="quotas that fit into the budget",
            do="pass a larger budget, or none: then the quotas are the budget",
        )
    pairs = list(zip(labels, sizes, strict=True))
    others = [0 if label in quotas.amounts else size for label, size in pairs]
    rest = min(amount - quotas.total, sum(others))
    shares = spread(rest, others) if rest else [0] * len(others)
    return [quotas.amounts.get(label, share) for label, share in zip(labels, shares, strict=True)]


def filled(
    quotas: Quotas, labels: Sequence[str], sizes: Sequence[int], taken: Sequence[int]
) -> list[dict[str, Any]]:
    """Of each quota, as written: what was asked, what the pool has, and what was taken."""
    place = {label: i for i, label in enumerate(labels)}
    return [
        {"name": name, "asked": n, "in_pool": sizes[place[name]], "taken": taken[place[name]]}
        for name, n in quotas.amounts.items()
    ]
