"""`workbench amplify localize | mask | update | report`."""

from __future__ import annotations

from typing import Any

import click

from workbench.cli.frame import (
    WHOLE,
    answer,
    control_columns,
    control_option,
    data_option,
    model_source,
    read_options,
    run_file,
    run_options,
)
from workbench.cli.from_records import chosen, from_records
from workbench.cli.text.amplify import print_mask, print_pivots, print_report, print_update
from workbench.options import (
    DecodingOptions,
    LocalizeOptions,
    MaskOptions,
    ReadOptions,
    ReportOptions,
    UpdateOptions,
)

whole_model_options = from_records(*WHOLE)


@click.group()
def amplify() -> None:
    """Find what decides a failing task, strengthen only that, and measure what it did.

    The usual way: localize, mask, update, report, with the same --model; again with another --seed
    for each seed.
    """


@amplify.command()
@whole_model_options
@data_option
@from_records(LocalizeOptions, DecodingOptions)
@run_options
def localize(data: tuple[str, ...], **settings: Any) -> None:
    """Find the tokens at which a right and a wrong solution of the same problem part."""
    from workbench.stages import plan_localize, run_localize

    answer(
        settings,
        run_localize,
        plan_localize,
        model_source(settings),
        data,
        chosen(LocalizeOptions, settings),
        how=chosen(ReadOptions, settings),
        batch_tokens=settings["batch_tokens"],
        fields=lambda outcome: {"pivots": outcome.summary},
        tell=lambda outcome: print_pivots(outcome.summary),
    )


@amplify.command()
@whole_model_options
@click.option(
    "--pivots", "pivots_ref", required=True, metavar="P", help="Run of `amplify localize`."
)
@from_records(MaskOptions)
@run_options
def mask(pivots_ref: str, **settings: Any) -> None:
    """Learn which heads and neurons pull the model to the right token there."""
    from workbench.stages import plan_mask, run_mask

    answer(
        settings,
        run_mask,
        plan_mask,
        model_source(settings),
        run_file(settings, pivots_ref, "pivots.json").resolve().with_name("pivots.parquet"),
        chosen(MaskOptions, settings),
        fields=_mask_fields,
        tell=lambda outcome: print_mask(outcome.summary),
    )


def _mask_fields(outcome: Any) -> dict[str, Any]:
    shown = {k: v for k, v in outcome.summary.items() if k not in ("values", "curve")}
    return {"mask": shown}


@amplify.command()
@whole_model_options
@click.option("--mask", "mask_ref", required=True, metavar="K", help="Run of `amplify mask`.")
@from_records(UpdateOptions, DecodingOptions)
@run_options
def update(mask_ref: str, **settings: Any) -> None:
    """Change only the rows of the mask's components; the best step on validation is kept."""
    from workbench.stages import plan_update, run_update

    answer(
        settings,
        run_update,
        plan_update,
        model_source(settings),
        run_file(settings, mask_ref, "mask.json").resolve(),
        chosen(UpdateOptions, settings),
        batch_tokens=settings["batch_tokens"],
        fields=lambda outcome: {"model": _model(outcome), "update": outcome.summary},
        tell=_tell_update,
    )


def _model(outcome: Any) -> str:
    return str(outcome.run / outcome.summary["written"]["folder"])


def _tell_update(outcome: Any) -> None:
    print_update(outcome.summary)
    click.echo(f"workbench doctor --model {_model(outcome)}")


@amplify.command()
@whole_model_options
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
@read_options
@control_option("Plain text.", default="text", show_default=True)
@from_records(ReportOptions, DecodingOptions)
@run_options
def report(
    update_refs: tuple[str, ...], data: tuple[str, ...], control: str, **settings: Any
) -> None:
    """Before and after on held-out problems, against the controls, with the side effects."""
    from workbench.stages import plan_report, run_report

    answer(
        settings,
        run_report,
        plan_report,
        model_source(settings),
        [run_file(settings, ref, "update.json").resolve() for ref in update_refs],
        chosen(ReportOptions, settings),
        data=data,
        control=control,
        control_how=control_columns(settings, [control]),
        how=chosen(ReadOptions, settings),
        batch_tokens=settings["batch_tokens"],
        fields=lambda outcome: {"report": outcome.summary},
        tell=_tell_report,
    )


def _tell_report(outcome: Any) -> None:
    print_report(outcome)
    click.echo(str(outcome.result.with_suffix(".html")))
