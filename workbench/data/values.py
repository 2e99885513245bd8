"""What a row holds in a column: its text, or the reason why it is none.

text_of({"problem": "1 + 1?"}, "problem")
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class MalformedRow(ValueError):  # noqa: N818 - a fact about a row, not a failure of the program
    """The row has no usable text; `reason` says why."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


def text_of(row: Mapping[str, Any], column: str) -> str | None:
    """The text in a column, None where it is null or missing."""
    value = row.get(column)
    if value is None:
        return None
    if not isinstance(value, str):
        raise MalformedRow(f"{column} is {kind_of(value)}, expected text")
    try:
        value.encode()
    except UnicodeEncodeError as err:
        raise MalformedRow(f"{column} holds half a surrogate pair, which is not Unicode") from err
    return value


def filled_text(row: Mapping[str, Any], column: str) -> str:
    """The text in a column that must have some."""
    value = text_of(row, column)
    if value is None:
        raise MalformedRow(f"{column} is {'null' if column in row else 'missing'}")
    if not value.strip():
        raise MalformedRow(f"{column} is empty")
    return value


def kind_of(value: Any) -> str:
    """What JSON calls the value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    kinds = ((str, "text"), (int | float, "a number"), (list, "a list"), (Mapping, "an object"))
    return next((name for kind, name in kinds if isinstance(value, kind)), type(value).__name__)


def listed(row: Mapping[str, Any], most: int = 8) -> str:
    """The first columns of a row by name."""
    names = [repr(name) for name in list(row)[:most]]
    more = [f"and {len(row) - most} more"] if len(row) > most else []
    return ", ".join([*names, *more]) or "(none)"
