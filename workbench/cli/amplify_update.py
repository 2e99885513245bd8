"""`workbench amplify update | report`: strengthen what the mask keeps, and measure what it did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from workbench.cli.amplify_options import (
    CONTROLS,
    NOT_NEGATIVE,
    VARIANTS,
    decoding_option,
    lora_lr_option,
    model_options,
    run_options,
    source_of,
)
from workbench.cli.amplify_text import print_report, print_update
from workbench.cli.options import place, print_json, print_outcome, result_object, seed_option
from workbench.cli.tune import ABOVE_ZERO, POSITIVE


@click.command()
@model_options
@click.option("--mask", "mask_ref", required=True, metavar="K", help="Run of `amplify mask`.")
@click.option(
    "--variant",
    type=click.Choice(VARIANTS),
    default="mask",
    show_default=True,
    help="mask, or one of its controls (`amplify report` makes these by itself).",
)
@click.option("--steps", type=POSITIVE, default=50, show_default=True, help="Gradient steps.")
@click.option(
    "--lr",
    "lrs",
    type=ABOVE_ZERO,
    multiple=True,
    default=(1e-4,),
    show_default=True,
    help="Step size; of several, validation chooses.",
)
@lora_lr_option
@click.option("--lora-rank", type=POSITIVE, default=16, show_default=True)
@click.option("--lora-alpha", type=POSITIVE, default=32, show_default=True)
@click.option("--every", type=POSITIVE, default=10, show_default=True, help="Steps to validation.")
@click.option("--batch-size", type=POSITIVE, default=8, show_default=True, help="Prefixes a step.")
@click.option(
    "--validation-n", type=POSITIVE, default=100, show_default=True, help="Problems to validate."
)
@seed_option
@decoding_option
@run_options
def update(
    model_name: str,
    device: str,
    dtype: str,
    template: str,
    mask_ref: str,
    batch_tokens: int,
    runs_dir: Path,
    as_json: bool,
    explain: bool,
    **settings: Any,
) -> None:
    """Change only the rows of the mask's components; the best step on validation is kept."""
    from workbench.amplification import UpdateOptions
    from workbench.runs import find_run
    from workbench.stages import plan_update, run_update

    source = source_of(model_name, device, dtype, template)
    options, how = UpdateOptions(**settings), {"batch_tokens": batch_tokens}
    mask_path = find_run(runs_dir, mask_ref, ["mask.json"]).resolve()
    if explain:
        print_json(plan_update(source, mask_path, options, **how))
        return
    outcome = run_update(place(runs_dir, quiet=as_json), source, mask_path, options, **how)
    model = outcome.run / outcome.summary["written"]["folder"]
    if as_json:
        print_json(result_object(outcome, model=str(model), update=outcome.summary))
        return
    print_update(outcome.summary)
    click.echo(f"workbench doctor --model {model}")
    print_outcome(outcome)


@click.command()
@model_options
@click.option(
    "--update",
    "update_refs",
    required=True,
    multiple=True,
    metavar="U",
    help="Run of `amplify update`; repeatable, one a seed.",
)
@click.option(
    "--data", multiple=True, metavar="D", help="Held-out problems; default: that of the updates."
)
@click.option("--n", type=POSITIVE, default=200, show_default=True, help="Problems of the task.")
@click.option(
    "--n-other", type=NOT_NEGATIVE, default=100, show_default=True, help="Problems beside it."
)
@click.option("--control", default="text", show_default=True, metavar="D", help="Plain text.")
@click.option("--text-n", type=NOT_NEGATIVE, default=50, show_default=True, help="Plain texts.")
@click.option(
    "--retrieval-n", type=NOT_NEGATIVE, default=40, show_default=True, help="Key-value documents."
)
@click.option("--retrieval-limit", type=POSITIVE, help="Most tokens of such a document.")
@click.option(
    "--against",
    "controls",
    type=click.Choice(CONTROLS),
    multiple=True,
    default=CONTROLS,
    show_default=True,
    help="Updates to compare with, made where missing; lora needs the extra 'train'.",
)
@lora_lr_option
@seed_option
@decoding_option
@run_options
def report(
    model_name: str,
    device: str,
    dtype: str,
    template: str,
    update_refs: tuple[str, ...],
    data: tuple[str, ...],
    control: str,
    batch_tokens: int,
    runs_dir: Path,
    as_json: bool,
    explain: bool,
    **settings: Any,
) -> None:
    """Before and after on held-out problems, against the controls, with the side effects."""
    from workbench.runs import find_run
    from workbench.stages import ReportOptions, plan_report, run_report

    source = source_of(model_name, device, dtype, template)
    updates = [find_run(runs_dir, ref, ["update.json"]).resolve() for ref in update_refs]
    options = ReportOptions(**settings)
    asked: dict[str, Any] = {"data": data, "control": control, "batch_tokens": batch_tokens}
    if explain:
        print_json(plan_report(source, updates, options, **asked))
        return
    outcome = run_report(place(runs_dir, quiet=as_json), source, updates, options, **asked)
    if as_json:
        print_json(result_object(outcome, report=outcome.summary))
        return
    print_report(outcome)
    click.echo(str(outcome.result.with_suffix(".html")))
    print_outcome(outcome)
