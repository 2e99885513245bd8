"""`workbench select`, and `workbench select compare`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from workbench.cli.frame import (
    answer,
    json_option,
    moved_data_option,
    print_json,
    run_file,
    run_options,
    runs_option,
)
from workbench.cli.from_records import chosen, from_records
from workbench.cli.text.comparison import print_selections
from workbench.cli.text.reading import print_reading
from workbench.cli.text.selection import print_selection
from workbench.errors import InputError
from workbench.options import CombineOptions, SelectOptions

SELECTION = "selection.parquet"


@click.group(invoke_without_command=True)
@click.option(
    "--scores",
    "scores_refs",
    multiple=True,
    metavar="S",
    help="Run folder or scores.parquet; several are combined row by row.",
)
@from_records(CombineOptions, SelectOptions)
@click.option(
    "--marks",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Rows kept or dropped by hand: a marks.json of the app.",
)
@moved_data_option
@run_options
@click.pass_context
def select(
    context: click.Context,
    scores_refs: tuple[str, ...],
    data: tuple[str, ...],
    marks: Path | None,
    **settings: Any,
) -> None:
    """Draw a subset by score."""
    if context.invoked_subcommand:
        _refuse_options(context)
        return
    if not scores_refs:
        raise click.MissingParameter(ctx=context, param_hint="'--scores'", param_type="option")
    from workbench.selection import DROP, KEEP, marked, read_marks
    from workbench.stages import plan_select, run_select

    by_hand = read_marks(marks) if marks else {}
    options = dataclasses.replace(
        chosen(SelectOptions, settings), keep=marked(by_hand, KEEP), drop=marked(by_hand, DROP)
    )
    answer(
        settings,
        run_select,
        plan_select,
        [run_file(settings, ref, "scores.parquet") for ref in scores_refs],
        options,
        data=data,
        combine=settings["combine"],
        fields=lambda outcome: {"diagnostics": outcome.summary},
        tell=lambda outcome: print_selection(outcome.summary),
    )


def _refuse_options(context: click.Context) -> None:
    """Options in front of a verb would be those of a draw, and change nothing."""
    typed = click.core.ParameterSource.COMMANDLINE
    if any(context.get_parameter_source(name) is typed for name in context.params):
        raise click.UsageError(f"options of `select {context.invoked_subcommand}` go behind it")


@select.command()
@click.argument("refs", metavar="A B [C ...]", nargs=-1, required=True)
@moved_data_option
@runs_option
@json_option
def compare(refs: tuple[str, ...], data: tuple[str, ...], as_json: bool, **settings: Any) -> None:
    """Selections side by side: what they share, what they are made of, how long their rows are."""
    from workbench.selection import compare_selections, read_drawn

    if len(refs) < 2:
        raise InputError(
            f"one selection is given ('{', '.join(refs)}')",
            expected="two or more",
            do="name another",
        )
    drawn = [read_drawn(run_file(settings, ref, SELECTION), settings["runs_dir"]) for ref in refs]
    report = compare_selections(drawn, data=data)
    if as_json:
        print_json(report)
        return
    print_reading(report.get("read", {}))
    print_selections(report)
