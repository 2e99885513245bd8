"""`workbench trial`."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

import click

from workbench.cli.frame import (
    DATA,
    answer,
    model_source,
    moved_data_option,
    read_options,
    run_file,
    run_options,
)
from workbench.cli.from_records import chosen, from_records
from workbench.cli.text.trial import print_trial
from workbench.cli.tune import LOADING
from workbench.options import (
    ReadOptions,
    SpendOptions,
    TrialOptions,
    TuneOptions,
    records,
)

SELECTION = "selection.parquet"
HELP = {"batch_size": "Rows in a step, on average: steps are equal in tokens."}
TUNING = [
    dataclasses.replace(record, help=HELP.get(record.name, record.help))
    for record in records(
        *(TuneOptions, "lora", "lora_rank", "lora_alpha", "lr", "schedule", "warmup"),
        *("weight_decay", "max_grad_norm", "batch_size", "max_length", "end_token"),
    )
]


@click.command()
@from_records(*LOADING)
@click.option(
    "--selections",
    "first",
    multiple=True,
    required=True,
    metavar="A [B ...]",
    help="Run folders or selection.parquet files, of one pool.",
)
@click.argument("more", nargs=-1, metavar="")
@click.option(
    "--eval", "eval_data", multiple=True, required=True, metavar="D", help=f"{DATA}; repeatable."
)
@read_options
@from_records(TrialOptions, *TUNING, SpendOptions)
@moved_data_option
@run_options
def trial(
    first: tuple[str, ...],
    more: tuple[str, ...],
    eval_data: tuple[str, ...],
    data: tuple[str, ...],
    **settings: Any,
) -> None:
    """Fine-tune on selections and on random rows at equal tokens: what taught more?"""
    from workbench.stages import Asked, plan_trial, run_trial

    paths = [run_file(settings, ref, SELECTION) for ref in (*first, *more)]
    answer(
        settings,
        partial(run_trial, spend=chosen(SpendOptions, settings)),
        partial(plan_trial, runs=settings["runs_dir"]),
        model_source(settings),
        Asked(paths, eval_data, chosen(ReadOptions, settings), data),
        chosen(TrialOptions, settings),
        chosen(TuneOptions, settings),
        fields=lambda outcome: {"trial": outcome.summary},
        tell=_tell,
    )


def _tell(outcome: Any) -> None:
    print_trial(outcome.summary)
    click.echo(str(outcome.run / "trial.html"))
