"""`workbench probe build`."""

from __future__ import annotations

from typing import Any

import click

from workbench.cli.frame import answer, data_option, model_options, model_source, run_options
from workbench.cli.from_records import chosen, from_records
from workbench.cli.text.probe import print_probe
from workbench.options import ProbeOptions, ReadOptions, WorkerOptions


@click.group()
def probe() -> None:
    """Probe sets: the samples a circuit is looked for on."""


@probe.command()
@model_options
@data_option
@from_records(ProbeOptions, WorkerOptions)
@run_options
def build(data: tuple[str, ...], **settings: Any) -> None:
    """Choose the samples that heads are ablated on."""
    from workbench.stages import plan_probe, run_probe

    answer(
        settings,
        run_probe,
        plan_probe,
        model_source(settings),
        data,
        chosen(ProbeOptions, settings),
        how=chosen(ReadOptions, settings),
        batch_tokens=settings["batch_tokens"],
        workers=chosen(WorkerOptions, settings),
        fields=lambda outcome: {"probe": outcome.summary},
        tell=lambda outcome: print_probe(outcome.summary),
    )
