"""`workbench score`."""

from __future__ import annotations

import dataclasses
from functools import partial
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
from workbench.cli.from_records import from_records
from workbench.cli.text.scores import print_scores
from workbench.options import OptionRecord

FLOOR = OptionRecord(
    "floor",
    "--floor",
    float,
    0.05,
    "Least base loss that a rise is divided by; read by air.",
    low=0,
    open_low=True,
)
TEMPERATURE = OptionRecord(
    "temperature", "--temperature", float, 1.0, "Of softmax and linear.", low=0, open_low=True
)
TOP = OptionRecord(
    "top",
    "--top",
    float,
    0.2,
    "Share of steps that the weights top-fraction double.",
    low=0,
    high=1,
    open_low=True,
)


@click.command()
@model_options
@click.option("--heads", "heads_ref", metavar="H", help="Run folder or heads.json of `heads find`.")
@data_option
@click.option(
    "--method",
    type=click.Choice(
        ["circuitseer", "attention-influence", "air", "loss", "length", "ifd", "random"]
    ),
    default="circuitseer",
    show_default=True,
)
@click.option(
    "--variant",
    type=click.Choice(["paper", "cv2", "excess"]),
    default="paper",
    show_default=True,
    help="How unevenness is measured; read by circuitseer.",
)
@click.option("--drop-sink", is_flag=True, help="Leave out the first and leading template tokens.")
@click.option(
    "--part",
    type=click.Choice(["prompt", "completion", "all"]),
    help="What is scored; default: prompt (loss, air, ifd: completion; attention-influence: all).",
)
@click.option("--per-head", is_flag=True, help="Average the heads' variances, not their attention.")
@click.option("--with-loss", is_flag=True, help="Also the solution's loss, to correlate with.")
@click.option("--absolute", is_flag=True, help="Rise of the loss in nats, undivided; read by air.")
@click.option(
    "--weights",
    type=click.Choice(["top-fraction", "softmax", "linear"]),
    default="top-fraction",
    show_default=True,
    help="How steps are weighted for training; read by air.",
)
@from_records(FLOOR, TEMPERATURE, TOP)
@click.option(
    "--engine",
    type=click.Choice(["auto", "fused", "hooked"]),
    default="auto",
    show_default=True,
    help="fused: SDPA and no whole patterns; auto: where it agrees with the hooked engine.",
)
@click.option("--shape", help="Row shape, when it is not to be recognised.")
@click.option("--backend", type=click.Choice(["local"]), default="local", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@run_options
def score(heads_ref: str | None, data: tuple[str, ...], shape: str | None, **settings: Any) -> None:
    """One score a row, and how far it follows length and difficulty."""
    from workbench.scoring import ScoreOptions
    from workbench.stages import run_score
    from workbench.stages.explain import explain_score

    names = {field.name for field in dataclasses.fields(ScoreOptions)}
    answer(
        settings,
        partial(run_score, shape=shape),
        explain_score,
        model_source(settings),
        data,
        ScoreOptions(**{name: value for name, value in settings.items() if name in names}),
        heads_path=run_file(settings, heads_ref, "heads.json") if heads_ref else None,
        fields=lambda outcome: {"summary": outcome.summary},
        tell=lambda outcome: print_scores(outcome.summary),
    )
