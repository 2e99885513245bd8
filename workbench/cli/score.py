"""`workbench score`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from workbench.cli.frame import (
    answer,
    data_option,
    model_options,
    model_source,
    run_file,
    run_options,
)
from workbench.cli.from_records import chosen, from_records
from workbench.cli.text.scores import print_scores
from workbench.options import OptionRecord, ReadOptions, WorkerOptions, records
from workbench.scoring import SCORERS, ScoreRequest, own_records


def _own_parts() -> str:
    """Which part each method scores unless told otherwise: `prompt (circuitseer), ...`."""
    names: dict[str, list[str]] = {}
    for method in SCORERS.values():
        names.setdefault(method.part, []).append(method.name)
    return ", ".join(f"{part} ({' '.join(of)})" for part, of in names.items())


(PART,) = records(ScoreRequest, "part")
ASKED = (
    OptionRecord(
        "method", "--method", str, "circuitseer", "What is measured.", choices=tuple(SCORERS)
    ),
    *own_records(),
    replace(PART, help=f"What is scored; default: {_own_parts()}."),
    *records(ScoreRequest, "with_loss", "seed"),
)


@click.command()
@model_options
@click.option("--heads", "heads_ref", metavar="H", help="Run folder or heads.json of `heads find`.")
@data_option
@from_records(*ASKED)
@from_records(WorkerOptions)
@run_options
def score(heads_ref: str | None, data: tuple[str, ...], **settings: Any) -> None:
    """One score a row, and how far it follows length and difficulty."""
    from workbench.stages import plan_score, run_score

    asked = {record.name: settings[record.name] for record in ASKED}
    answer(
        settings,
        run_score,
        plan_score,
        model_source(settings),
        data,
        ScoreRequest.of(batch_tokens=settings["batch_tokens"], engine=settings["engine"], **asked),
        heads_path=run_file(settings, heads_ref, "heads.json") if heads_ref else None,
        how=chosen(ReadOptions, settings),
        workers=chosen(WorkerOptions, settings),
        fields=lambda outcome: {"summary": outcome.summary},
        tell=lambda outcome: print_scores(outcome.summary),
    )
