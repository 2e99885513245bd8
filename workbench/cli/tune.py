"""`workbench tune`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from workbench.cli.options import (
    Finite,
    device_option,
    explain_option,
    json_option,
    model_option,
    place,
    print_json,
    print_outcome,
    result_object,
    runs_option,
    seed_option,
    template_option,
)

POSITIVE = click.IntRange(min=1)
ABOVE_ZERO = Finite(min=0, min_open=True)


def together(*some: Callable) -> Callable:
    """Several options as one decorator, in the order of the help text."""

    def decorate(function: Callable) -> Callable:
        for option in reversed(some):
            function = option(function)
        return function

    return decorate


what_options = together(
    model_option(),
    click.option(
        "--export",
        "export_folder",
        required=True,
        metavar="DIR",
        type=click.Path(path_type=Path),
        help="Folder of `workbench export`; the tokens of the completions are learnt.",
    ),
    click.option(
        "--steps-file",
        "steps_ref",
        metavar="S",
        help="Run folder or steps.parquet of `score --method air`: weigh tokens by their step.",
    ),
    click.option(
        "--weights",
        "rule",
        type=click.Choice(["file", "top-fraction", "softmax", "linear"]),
        default="file",
        show_default=True,
        help="The weights in the steps file, or a rule over its scores.",
    ),
    click.option(
        "--temperature", type=ABOVE_ZERO, default=1.0, show_default=True, help="softmax, linear."
    ),
    click.option(
        "--top",
        type=Finite(0, 1, min_open=True),
        default=0.2,
        show_default=True,
        help="Share of steps weighted up by top-fraction.",
    ),
)
how_options = together(
    click.option(
        "--lora/--full", default=False, help="Adapters, merged, or all weights (default)."
    ),
    click.option("--lora-rank", type=POSITIVE, default=16, show_default=True),
    click.option("--lora-alpha", type=POSITIVE, default=32, show_default=True),
    click.option("--epochs", type=ABOVE_ZERO, help="Rounds over the rows; default: 3."),
    click.option("--max-steps", type=POSITIVE, help="Optimiser steps, in place of --epochs."),
    click.option("--lr", type=ABOVE_ZERO, help="Learning rate; default: 2e-5, with --lora 2e-4."),
    click.option(
        "--schedule",
        type=click.Choice(["linear", "cosine", "constant"]),
        default="linear",
        show_default=True,
    ),
    click.option(
        "--warmup", type=Finite(0, 1), default=0.0, show_default=True, help="Share of the steps."
    ),
    click.option("--weight-decay", type=Finite(min=0), default=0.0, show_default=True),
    click.option("--max-grad-norm", type=ABOVE_ZERO, default=1.0, show_default=True),
    click.option(
        "--batch-size", type=POSITIVE, default=8, show_default=True, help="Rows in a pass."
    ),
    click.option(
        "--accumulate", type=POSITIVE, default=1, show_default=True, help="Passes in a step."
    ),
    click.option(
        "--max-length", type=POSITIVE, help="Leave out longer rows (tokens); default: the context."
    ),
    click.option(
        "--end-token/--no-end-token",
        default=True,
        show_default=True,
        help="Learn also the token that ends the answer.",
    ),
    seed_option,
)
run_options = together(
    click.option(
        "--gradient-checkpointing", is_flag=True, help="Less memory, more time, equal result."
    ),
    click.option(
        "--checkpoint-every",
        type=POSITIVE,
        default=50,
        show_default=True,
        help="Steps between two saved states.",
    ),
    device_option,
    click.option("--dtype", default="float32", show_default=True, help="float32 or bfloat16."),
    template_option(),
    runs_option,
    json_option,
    explain_option,
)


@click.command()
@what_options
@how_options
@run_options
def tune(
    model_name: str,
    export_folder: Path,
    steps_ref: str | None,
    rule: str,
    temperature: float,
    top: float,
    device: str,
    dtype: str,
    template: str,
    runs_dir: Path,
    as_json: bool,
    explain: bool,
    **settings: Any,
) -> None:
    """Fine-tune a model on an export, plainly or with the weights of reasoning steps."""
    from workbench.runs import find_run
    from workbench.stages import ModelSource, plan_tune, run_tune
    from workbench.tuning import StepsSource, StepWeights, TuneOptions

    how = {name: settings.pop(name) for name in ("checkpoint_every", "gradient_checkpointing")}
    source = ModelSource(model_name, device=device, dtype=dtype, template=template)
    steps = None
    if steps_ref:
        weights = StepWeights(rule, temperature=temperature, top=top)
        steps = StepsSource(find_run(runs_dir, steps_ref, ["steps.parquet"]), weights)
    elif rule != "file":
        raise click.UsageError(f"--weights {rule} needs the scores of steps: pass --steps-file.")
    options = TuneOptions(**settings)
    if explain:
        print_json(plan_tune(source, export_folder, options, steps=steps))
        return
    outcome = run_tune(
        place(runs_dir, quiet=as_json), source, export_folder, options, steps=steps, **how
    )
    model = outcome.run / outcome.summary["model"]["folder"]
    if as_json:
        print_json(result_object(outcome, model=str(model), tuning=outcome.summary))
        return
    print_tuning(outcome.summary)
    click.echo(f"workbench doctor --model {model}")
    print_outcome(outcome)


def print_tuning(summary: Any) -> None:
    """What was trained on what, and how far the loss fell."""
    from workbench.tuning import weights_in_words

    data, loss = summary["data"], summary["loss"]
    counts = ", ".join(f"{n} {status}" for status, n in data["counts"].items())
    click.echo(f"rows of {data['name']}: {counts}; {data['n_targets']} target tokens")
    for reason in data["reasons"].values():
        click.echo(f"  {reason}")
    if data["n_without_steps"]:
        click.echo(f"  {data['n_without_steps']} rows have no steps: weight 1 everywhere")
    share = summary["n_trained"] / summary["n_parameters"]
    click.echo(
        f"trained {summary['n_trained']} of {summary['n_parameters']} parameters ({share:.1%}) "
        f"in {loss['n_steps']} steps, token weights: {weights_in_words(data)}"
    )
    click.echo(
        f"loss {loss['first_tenth']:.4f} in the first tenth of the steps, "
        f"{loss['last_tenth']:.4f} in the last (nats a target token)"
    )
