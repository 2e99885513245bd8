"""`workbench amplify localize | mask | update | report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.amplify_text import print_mask, print_pivots, print_report, print_update
from workbench.cli.options import (
    Finite,
    data_option,
    explain_option,
    json_option,
    place,
    print_json,
    print_outcome,
    result_object,
    runs_option,
    seed_option,
)
from workbench.cli.tune import ABOVE_ZERO, POSITIVE, together

if TYPE_CHECKING:
    from workbench.execute import ModelSource

NOT_NEGATIVE = click.IntRange(min=0)
RULES = ("prefix", "branching")
VARIANTS = ("mask", "no-mask", "random", "lora")
CONTROLS = VARIANTS[1:]

model_options = together(
    click.option(
        "--model",
        "model_name",
        default="math-tiny",
        show_default=True,
        metavar="M",
        help="Bundled name, folder, or hub id[@revision]; the same in all four steps.",
    ),
    click.option("--device", default="auto", show_default=True),
    click.option(
        "--dtype", default="float32", show_default=True, help="float32, bfloat16 or float16."
    ),
    click.option(
        "--template",
        type=click.Choice(["auto", "none", "chat"]),
        default="auto",
        show_default=True,
        help="Render rows by the tokenizer's chat template: if it has one, never, always.",
    ),
)
decoding_option = click.option(
    "--batch-tokens",
    type=POSITIVE,
    default=2**16,
    show_default=True,
    help="Cached tokens held at once while decoding: memory and time, not results.",
)
run_options = together(runs_option, json_option, explain_option)


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
    from workbench.execute import LocalizeOptions, explain_localize, run_localize

    source = _source(model_name, device, dtype, template)
    options, how = LocalizeOptions(**settings), {"batch_tokens": batch_tokens}
    if explain:
        print_json(explain_localize(source, data, options, **how))
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
    from workbench.execute import explain_mask, run_mask
    from workbench.runs import find_run

    source = _source(model_name, device, dtype, template)
    options = MaskOptions(**settings)
    pivots = find_run(runs_dir, pivots_ref, ["pivots.json"]).resolve().with_name("pivots.parquet")
    if explain:
        print_json(explain_mask(source, pivots, options))
        return
    outcome = run_mask(place(runs_dir, quiet=as_json), source, pivots, options)
    if as_json:
        shown = {k: v for k, v in outcome.summary.items() if k not in ("values", "curve")}
        print_json(result_object(outcome, mask=shown))
        return
    print_mask(outcome.summary)
    print_outcome(outcome)


@amplify.command()
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
@click.option(
    "--lora-lr",
    "lora_lrs",
    type=ABOVE_ZERO,
    multiple=True,
    default=(2e-4,),
    show_default=True,
    help="The same, of the variant lora.",
)
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
    from workbench.execute import explain_update, run_update
    from workbench.runs import find_run

    source = _source(model_name, device, dtype, template)
    options, how = UpdateOptions(**settings), {"batch_tokens": batch_tokens}
    mask_path = find_run(runs_dir, mask_ref, ["mask.json"]).resolve()
    if explain:
        print_json(explain_update(source, mask_path, options, **how))
        return
    outcome = run_update(place(runs_dir, quiet=as_json), source, mask_path, options, **how)
    model = outcome.run / outcome.summary["written"]["folder"]
    if as_json:
        print_json(result_object(outcome, model=str(model), update=outcome.summary))
        return
    print_update(outcome.summary)
    click.echo(f"workbench doctor --model {model}")
    print_outcome(outcome)


@amplify.command()
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
@click.option(
    "--lora-lr",
    "lora_lrs",
    type=ABOVE_ZERO,
    multiple=True,
    default=(2e-4,),
    show_default=True,
    help="Step size of LoRA; of several, validation chooses.",
)
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
    from workbench.execute import ReportOptions, explain_report, run_report
    from workbench.runs import find_run

    source = _source(model_name, device, dtype, template)
    updates = [find_run(runs_dir, ref, ["update.json"]).resolve() for ref in update_refs]
    options = ReportOptions(**settings)
    asked: dict[str, Any] = {"data": data, "control": control, "batch_tokens": batch_tokens}
    if explain:
        print_json(explain_report(source, updates, options, **asked))
        return
    outcome = run_report(place(runs_dir, quiet=as_json), source, updates, options, **asked)
    if as_json:
        print_json(result_object(outcome, report=outcome.summary))
        return
    print_report(outcome)
    click.echo(str(outcome.result.with_suffix(".html")))
    print_outcome(outcome)


def _source(name: str, device: str, dtype: str, template: str) -> ModelSource:
    from workbench.execute import ModelSource

    return ModelSource(name, device=device, dtype=dtype, template=template)
