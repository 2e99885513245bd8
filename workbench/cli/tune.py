"""`workbench tune`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from workbench.cli.frame import WHOLE, answer, model_source, read_options, run_file, run_options
from workbench.cli.from_records import chosen, from_records
from workbench.cli.text.tuning import print_tuning
from workbench.errors import InputError
from workbench.options import ReadOptions, SpendOptions, StepWeights, TuneOptions
from workbench.options.tune import DTYPES, FILE

# Small gradients vanish in float16, which is refused with that reason once all is known.
LOADING = [
    dataclasses.replace(record, help=" or ".join(DTYPES) + ".")
    if record.name == "dtype"
    else record
    for record in WHOLE
]


@click.command()
@from_records(*LOADING)
@click.option(
    "--export",
    "export_folder",
    required=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder of `workbench export`; the tokens of the completions are learnt.",
)
@click.option(
    "--steps-file",
    "steps_ref",
    metavar="S",
    help="Run folder or steps.parquet of `score --method air`: weigh tokens by their step.",
)
@click.option(
    "--eval-data",
    "eval_data",
    multiple=True,
    metavar="D",
    help="Rows to measure the loss on, before and after; those trained on are left out.",
)
@from_records(StepWeights, TuneOptions, SpendOptions)
@read_options
@run_options
def tune(
    export_folder: Path, steps_ref: str | None, eval_data: tuple[str, ...], **settings: Any
) -> None:
    """Fine-tune a model on an export, plainly or with the weights of reasoning steps."""
    from workbench.stages import plan_tune, run_tune
    from workbench.tuning import HeldOut, StepsSource

    spend = chosen(SpendOptions, settings)
    weights, steps = chosen(StepWeights, settings), None
    if steps_ref:
        steps = StepsSource(run_file(settings, steps_ref, "steps.parquet"), weights)
    elif weights.rule != FILE:
        raise InputError(
            f"--weights {weights.rule} needs the scores of steps", do="pass --steps-file"
        )
    how = chosen(ReadOptions, settings)
    if how.asked and not eval_data:
        raise InputError(
            f"{', '.join(how.asked)} is given and no data to measure on",
            do="leave it out (the export is read as it was scored), or pass --eval-data",
        )
    answer(
        settings,
        lambda *asked, **how: run_tune(*asked, spend=spend, **how),
        plan_tune,
        model_source(settings),
        export_folder,
        chosen(TuneOptions, settings),
        steps=steps,
        held_out=HeldOut(eval_data, how) if eval_data else None,
        fields=lambda outcome: {"model": _model(outcome), "tuning": outcome.summary},
        tell=_tell,
    )


def _model(outcome: Any) -> str:
    return str(outcome.run / outcome.summary["model"]["folder"])


def _tell(outcome: Any) -> None:
    print_tuning(outcome.summary)
    click.echo(f"workbench doctor --model {_model(outcome)}")
