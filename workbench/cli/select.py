"""`workbench select`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from workbench.cli.frame import answer, moved_data_option, run_file, run_options
from workbench.cli.from_records import chosen, from_records
from workbench.cli.text.selection import print_selection
from workbench.options import SelectOptions


@click.command()
@click.option("--scores", "scores_ref", required=True, metavar="S")
@from_records(SelectOptions)
@click.option(
    "--marks",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Rows kept or dropped by hand: a marks.json of the app.",
)
@moved_data_option
@run_options
def select(scores_ref: str, data: tuple[str, ...], marks: Path | None, **settings: Any) -> None:
    """Draw a subset by score."""
    from workbench.selection import DROP, KEEP, marked, read_marks
    from workbench.stages import explain_select, run_select

    by_hand = read_marks(marks) if marks else {}
    options = dataclasses.replace(
        chosen(SelectOptions, settings), keep=marked(by_hand, KEEP), drop=marked(by_hand, DROP)
    )
    answer(
        settings,
        run_select,
        explain_select,
        run_file(settings, scores_ref, "scores.parquet"),
        options,
        data=data,
        fields=lambda outcome: {"diagnostics": outcome.summary},
        tell=lambda outcome: print_selection(outcome.summary),
    )
