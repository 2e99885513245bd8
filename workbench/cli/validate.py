"""`workbench heads validate`: the circuit against random sets of heads."""

from __future__ import annotations

from typing import Any

import click

from workbench.cli.frame import (
    answer,
    control_columns,
    control_option,
    data_option,
    model_options,
    model_source,
    run_file,
    run_options,
)
from workbench.cli.from_records import chosen, from_records
from workbench.cli.text.heads import print_validation
from workbench.options import ReadOptions, ValidateOptions, WorkerOptions


@click.command()
@model_options
@click.option("--heads", "heads_ref", required=True, metavar="H")
@data_option
@from_records(ValidateOptions, WorkerOptions)
@click.option("--no-decode", is_flag=True, help="Judge by the loss alone.")
@control_option(
    "Data for the same knock-outs; repeatable, each reported on its own.",
    multiple=True,
    default=("text",),
    show_default=True,
)
@click.option("--no-control", is_flag=True, help="Leave out the same knock-outs on plain text.")
@run_options
def validate(
    heads_ref: str,
    data: tuple[str, ...],
    control: tuple[str, ...],
    no_control: bool,
    no_decode: bool,
    **settings: Any,
) -> None:
    """The circuit against random sets of the same layers, bottom heads and all heads."""
    from workbench.stages import plan_validate, run_validate

    if no_decode:
        settings["decode_n"] = 0
    beside = () if no_control else control
    answer(
        settings,
        run_validate,
        plan_validate,
        model_source(settings),
        run_file(settings, heads_ref, "heads.json"),
        data,
        chosen(ValidateOptions, settings),
        control=beside,
        control_how=control_columns(settings, beside),
        how=chosen(ReadOptions, settings),
        batch_tokens=settings["batch_tokens"],
        workers=chosen(WorkerOptions, settings),
        fields=lambda outcome: {"validation": outcome.summary},
        tell=_tell,
    )


def _tell(outcome: Any) -> None:
    print_validation(outcome.summary)
    click.echo(str(outcome.result.with_suffix(".html")))
