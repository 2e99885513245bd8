"""`workbench score`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from workbench.cli.options import (
    Finite,
    data_option,
    explain_option,
    heads_option,
    json_option,
    model_options,
    model_source,
    place,
    print_json,
    print_outcome,
    result_object,
    runs_option,
    seed_option,
)
from workbench.scoring import SCORERS


@click.command()
@model_options
@heads_option
@data_option
@click.option(
    "--method",
    type=click.Choice(list(SCORERS)),
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
    "--floor",
    type=Finite(0, min_open=True),
    default=0.05,
    show_default=True,
    help="Least base loss that a rise is divided by; read by air.",
)
@click.option(
    "--weights",
    type=click.Choice(["top-fraction", "softmax", "linear"]),
    default="top-fraction",
    show_default=True,
    help="How steps are weighted for training; read by air.",
)
@click.option(
    "--temperature",
    type=Finite(0, min_open=True),
    default=1.0,
    show_default=True,
    help="Of the weights softmax and linear.",
)
@click.option(
    "--top",
    type=Finite(0, 1, min_open=True),
    default=0.2,
    show_default=True,
    help="Share of steps that the weights top-fraction double.",
)
@click.option(
    "--engine",
    type=click.Choice(["auto", "fused", "hooked"]),
    default="auto",
    show_default=True,
    help="fused: SDPA and no whole patterns; auto: where it agrees with the hooked engine.",
)
@click.option("--shape", help="Row shape, when it is not to be recognised.")
@click.option("--backend", type=click.Choice(["local"]), default="local", show_default=True)
@seed_option
@runs_option
@json_option
@explain_option
def score(
    model_name: str,
    device: str,
    dtype: str,
    batch_tokens: int | None,
    heads_ref: str | None,
    data: tuple[str, ...],
    shape: str | None,
    backend: str,
    runs_dir: Path,
    as_json: bool,
    explain: bool,
    **options: Any,
) -> None:
    """One score a row, and how far it follows length and difficulty."""
    from workbench.runs import find_run
    from workbench.scoring import ScoreRequest
    from workbench.stages import plan_score, run_score

    request = ScoreRequest.of(batch_tokens=batch_tokens, **options)
    source = model_source(model_name, device=device, dtype=dtype)
    heads_path = find_run(runs_dir, heads_ref, ["heads.json"]) if heads_ref else None
    if explain:
        print_json(plan_score(source, data, request, heads_path=heads_path, shape=shape))
        return
    outcome = run_score(
        place(runs_dir, quiet=as_json), source, data, request, heads_path=heads_path, shape=shape
    )
    if as_json:
        print_json(result_object(outcome, summary=outcome.summary))
        return
    print_scores(outcome.summary)
    print_outcome(outcome)


def print_scores(summary: Any) -> None:
    """Counts by status and the correlation table."""
    counts = ", ".join(f"{n} {status}" for status, n in summary["counts"].items())
    click.echo(f"{summary['method']} over the {summary['part']}: {counts}")
    engine = summary.get("engine", {})
    if "reason" in engine and engine["asked"] != engine["name"]:
        click.echo(f"  on the {engine['name']} engine: {engine['reason']}")
    for reason, n in summary["reasons"].items():
        click.echo(f"  {n} x {reason}")
    if steps := summary.get("steps"):
        click.echo(f"{steps['n']} steps, weights by {steps['rule']}, beside the scores")
    print_correlations(summary)


def print_correlations(summary: Any) -> None:
    """Spearman with length and each label, raw and (in brackets) with length held fixed."""
    labels = summary["labels"]
    click.echo("Spearman with        length" + "".join(f"{label:>20}" for label in labels))
    for row in summary["correlations"]:
        cells = "".join(f"{_pair(row[label], row[f'{label}|length']):>20}" for label in labels)
        click.echo(f"  {row['score']:<18} {_number(row['length']):>6}{cells}")
    if labels:
        click.echo("in brackets: with length held fixed")


def _pair(raw: float | None, partial: float | None) -> str:
    return f"{_number(raw)} ({_number(partial)})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2f}"
