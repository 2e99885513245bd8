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
Rows = Iterable[Sequence[Any]]


def html_table(columns: Columns, rows: Rows) -> Markup:
    """A table whose header explains its numbers; a wide one scrolls by itself."""
    head = element("tr", *(_header(column) for column in _columns(columns)))
    body = [element("tr", *(element("td", cell) for cell in row)) for row in rows]
    table = element("table", element("thead", head), element("tbody", *body))
    return element("div", table, class_="table")


def _header(column: Column) -> Markup:
    what = [element("small", column.what)] if column.what else []
    return element("th", column.name, *what, scope="col")


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


def share(value: float | None) -> str:
    """A share in per cent, or a dash."""
    return number(value, ".1%")
