"""Tables in HTML and in Markdown, from the same columns and rows; every cell is text.

html_table([Column("loss", "nats per token; lower is better")], [["0.5"]])
markdown_table(["setting", "value"], [("seed", 0)])
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from workbench.reports.escape import Markup, element, inline

NOTHING = "–"


class Column(NamedTuple):
    """A column's name, and what its numbers measure and which way is good."""

    name: str
    what: str = ""


Columns = Sequence[Column | str]
Rows = Iterable[Iterable[Any]]


def html_table(columns: Columns, rows: Rows) -> Markup:
    """A table whose headers explain its numbers; a wide one scrolls by itself.

    A cell that is a `Column` is the header of its row.
    """
    head = element("tr", *(_header(column, "col") for column in _columns(columns)))
    body = [element("tr", *map(_cell, row)) for row in rows]
    table = element("table", element("thead", head), element("tbody", *body))
    return element("div", table, class_="table")


def _cell(cell: Any) -> Markup:
    return _header(cell, "row") if isinstance(cell, Column) else element("td", cell)


def _header(column: Column, scope: str) -> Markup:
    what = [element("small", column.what)] if column.what else []
    return element("th", column.name, *what, scope=scope)


def markdown_table(columns: Columns, rows: Rows) -> str:
    """A pipe table; what a column measures is left to the text around it."""
    names = [inline(column.name) for column in _columns(columns)]
    lines = [names, ["---"] * len(names), *([inline(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _columns(columns: Columns) -> list[Column]:
    return [c if isinstance(c, Column) else Column(c) for c in columns]


def number(value: float | None, form: str = ".3f") -> str:
    """A number, or a dash where there is none."""
    return NOTHING if value is None else format(value, form)


def unbroken(text: str) -> str:
    """`0.1 to 0.2` on one line, however narrow its cell is."""
    return text.replace(" to ", "\u00a0to\u00a0")


def share(value: float | None) -> str:
    """A share in per cent, or a dash."""
    return number(value, ".1%")
