"""`workbench data show`."""

from __future__ import annotations

from collections import Counter
from typing import Any

import click

from workbench.cli.frame import json_option, print_json, read_options
from workbench.cli.from_records import chosen
from workbench.cli.text.reading import print_reading
from workbench.options import ReadOptions


@click.group()
def data() -> None:
    """Rows of any source, and what is read of them."""


@data.command()
@click.argument("sources", metavar="D...", nargs=-1, required=True)
@read_options
@json_option
def show(sources: tuple[str, ...], as_json: bool, **settings: Any) -> None:
    """What is read from which column, before anything runs."""
    from workbench.data import Tally, read_samples, unreadable

    tally = Tally()
    Counter(map(type, read_samples(sources, chosen(ReadOptions, settings), tally=tally)))
    summary = tally.summary()
    if as_json:
        print_json({"data": list(sources), "read": summary})
    else:
        print_reading(summary, err=False)
    if not summary["shapes"]:
        first = next(iter(summary["reasons"]))
        raise unreadable(sources, n_rows=summary["rows"], first=first)
