"""`workbench probe build`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from workbench.cli.options import (
    Finite,
    data_option,
    explain_option,
    json_option,
    model_options,
    model_source,
    place,
    print_json,
    print_left_out,
    print_outcome,
    result_object,
    runs_option,
    seed_option,
)


@click.group()
def probe() -> None:
    """Probe sets: the samples a circuit is looked for on."""


@probe.command()
@model_options
@data_option
@click.option(
    "--n", type=click.IntRange(min=1), default=300, show_default=True, help="Number of samples."
)
@click.option(
    "--strategy",
    type=click.Choice(["highest-loss", "random", "stratified"]),
    default="highest-loss",
    show_default=True,
)
@click.option(
    "--trim",
    type=Finite(0, 1, max_open=True),
    default=0.0,
    show_default=True,
    help="Share of the highest losses to leave out.",
)
@click.option("--by", help="Column to stratify by.")
@seed_option
@runs_option
@json_option
@explain_option
def build(
    model_name: str,
    device: str,
    dtype: str,
    batch_tokens: int | None,
    data: tuple[str, ...],
    runs_dir: Path,
    as_json: bool,
    explain: bool,
    **options: Any,
) -> None:
    """Choose the samples that heads are ablated on."""
    from workbench.stages import ProbeOptions, plan_probe, run_probe

    source = model_source(model_name, device=device, dtype=dtype)
    if explain:
        chosen = ProbeOptions(**options)
        print_json(plan_probe(source, data, chosen, batch_tokens=batch_tokens))
        return
    outcome = run_probe(
        place(runs_dir, quiet=as_json),
        source,
        data,
        ProbeOptions(**options),
        batch_tokens=batch_tokens,
    )
    if as_json:
        print_json(result_object(outcome, probe=outcome.summary))
        return
    summary = outcome.summary
    loss = f", mean loss {summary['mean_loss']:.3f} nats a token" if summary["mean_loss"] else ""
    click.echo(
        f"{summary['n']} of {summary['n_pool']} samples chosen by {summary['strategy']}{loss}"
    )
    print_left_out(summary["left_out"])
    print_outcome(outcome)
