"""`workbench amplify localize | mask`; the other two are in `workbench.cli.amplify_update`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from workbench.cli.amplify_options import (
    RULES,
    decoding_option,
    model_options,
    run_options,
    source_of,
)
from workbench.cli.amplify_text import print_mask, print_pivots
from workbench.cli.options import (
    Finite,
    data_option,
    place,
    print_json,
    print_outcome,
    result_object,
    seed_option,
)
from workbench.cli.tune import ABOVE_ZERO, POSITIVE


@click.group()
def amplify() -> None:
    """Find what decides a failing task, strengthen only that, and measure what it did.

    The usual way: localize, mask, update, report; again with another --seed for each seed.
    """


@amplify.command()
@model_options
@data_option
@click.option(
    "--where", metavar="COLUMN=VALUE", help="Rows of the task: n_steps=5..8, subject=Algebra."
)
@click.option("--n", type=POSITIVE, default=300, show_default=True, help="Problems looked at.")
@click.option(
    "--rule",
    type=click.Choice(RULES),
    default="prefix",
    show_default=True,
    help="prefix: where the traces differ first; branching: where that first decides the answer.",
)
@click.option(
    "--samples", "n_samples", type=POSITIVE, default=10, show_default=True, help="Sampled traces."
)
@click.option(
    "--hot", type=ABOVE_ZERO, default=1.2, show_default=True, help="Temperature, greedy right."
)
@click.option(
    "--cool", type=ABOVE_ZERO, default=0.8, show_default=True, help="Temperature, greedy wrong."
)
@click.option("--label", metavar="COLUMN", help="Break results down by it; default: --where's.")
@click.option(
    "--max-new-tokens",
    type=POSITIVE,
    help="Of a trace; default: a quarter more than the longest given solution.",
)
@seed_option
@decoding_option
@run_options
def localize(
    model_name: str,
    device: str,
    dtype: str,
    template: str,
    data: tuple[str, ...],
    batch_tokens: int,
    runs_dir: Path,
    as_json: bool,
    explain: bool,
    **settings: Any,
) -> None:
    """Find the tokens at which a right and a wrong solution of the same problem part."""
    from workbench.stages import LocalizeOptions, plan_localize, run_localize

    source = source_of(model_name, device, dtype, template)
    options, how = LocalizeOptions(**settings), {"batch_tokens": batch_tokens}
    if explain:
        print_json(plan_localize(source, data, options, **how))
        return
    outcome = run_localize(place(runs_dir, quiet=as_json), source, data, options, **how)
    if as_json:
        print_json(result_object(outcome, pivots=outcome.summary))
        return
    print_pivots(outcome.summary)
    print_outcome(outcome)


@amplify.command()
@model_options
@click.option(
    "--pivots", "pivots_ref", required=True, metavar="P", help="Run of `amplify localize`."
)
@click.option(
    "--l1", type=Finite(min=0), default=5e-3, show_default=True, help="Price of a component."
)
@click.option("--lr", type=ABOVE_ZERO, default=5e-3, show_default=True, help="Adam's step size.")
@click.option("--decay", type=ABOVE_ZERO, default=0.9, show_default=True, help="Of the step size.")
@click.option(
    "--decay-every", type=POSITIVE, default=5, show_default=True, help="Epochs between decays."
)
@click.option("--epochs", type=POSITIVE, default=50, show_default=True, help="At most.")
@click.option("--batch-size", type=POSITIVE, default=8, show_default=True, help="Prefixes a step.")
@seed_option
@run_options
def mask(
    model_name: str,
    device: str,
    dtype: str,
    template: str,
    pivots_ref: str,
    runs_dir: Path,
    as_json: bool,
    explain: bool,
    **settings: Any,
) -> None:
    """Learn which heads and neurons pull the model to the right token there."""
    from workbench.amplification import MaskOptions
    from workbench.runs import find_run
    from workbench.stages import plan_mask, run_mask

    source = source_of(model_name, device, dtype, template)
    options = MaskOptions(**settings)
    pivots = find_run(runs_dir, pivots_ref, ["pivots.json"]).resolve().with_name("pivots.parquet")
    if explain:
        print_json(plan_mask(source, pivots, options))
        return
    outcome = run_mask(place(runs_dir, quiet=as_json), source, pivots, options)
    if as_json:
        shown = {k: v for k, v in outcome.summary.items() if k not in ("values", "curve")}
        print_json(result_object(outcome, mask=shown))
        return
    print_mask(outcome.summary)
    print_outcome(outcome)
