"""`workbench heads validate`: the circuit against random sets of heads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from workbench.cli.heads_text import print_validation
from workbench.cli.options import (
    data_option,
    explain_option,
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


@click.command()
@model_options
@click.option("--heads", "heads_ref", required=True, metavar="H")
@data_option
@click.option(
    "--n",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Samples drawn from the data; rows that the heads were found on are left out.",
)
@click.option(
    "--random",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="Random sets of heads.",
)
@click.option(
    "--decode-n",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="Samples that are also answered by greedy decoding, under every set.",
)
@click.option("--no-decode", is_flag=True, help="Judge by the loss alone.")
@click.option(
    "--max-new-tokens",
    type=click.IntRange(min=1),
    help="Of a decoded answer; default: a quarter more than the longest given or own.",
)
@click.option(
    "--curve-n",
    type=click.IntRange(min=0),
    default=40,
    show_default=True,
    help="Samples of the cumulative knock-out; 0 leaves it out.",
)
@click.option(
    "--control",
    multiple=True,
    default=("text",),
    show_default=True,
    metavar="D",
    help="Data for the same knock-outs; repeatable, each reported on its own.",
)
@click.option("--no-control", is_flag=True, help="Leave out the same knock-outs on plain text.")
@click.option("--control-n", type=click.IntRange(min=1), default=50, show_default=True)
@seed_option
@runs_option
@json_option
@explain_option
def validate(
    model_name: str,
    device: str,
    dtype: str,
    batch_tokens: int | None,
    heads_ref: str,
    data: tuple[str, ...],
    control: tuple[str, ...],
    no_control: bool,
    no_decode: bool,
    runs_dir: Path,
    as_json: bool,
    explain: bool,
    **options: Any,
) -> None:
    """The circuit against random sets of the same layers, bottom heads and all heads."""
    from workbench.runs import find_run
    from workbench.stages import ValidateOptions, plan_validate, run_validate

    if no_decode:
        options["decode_n"] = 0
    source = model_source(model_name, device=device, dtype=dtype)
    heads_path = find_run(runs_dir, heads_ref, ["heads.json"])
    chosen, controls = ValidateOptions(**options), () if no_control else control
    if explain:
        print_json(
            plan_validate(
                source, heads_path, data, chosen, control=controls, batch_tokens=batch_tokens
            )
        )
        return
    outcome = run_validate(
        place(runs_dir, quiet=as_json),
        source,
        heads_path,
        data,
        chosen,
        control=controls,
        batch_tokens=batch_tokens,
    )
    if as_json:
        print_json(result_object(outcome, validation=outcome.summary))
        return
    print_validation(outcome.summary)
    click.echo(str(outcome.result.with_suffix(".html")))
    print_outcome(outcome)
