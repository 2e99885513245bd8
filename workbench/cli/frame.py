"""The frame of a command: the options that all share, then the plan, or the run and its answer.

@click.command()
@run_options
def draw(**settings):
    asked = (scores_path, SelectOptions("top", n=2))
    fields = lambda outcome: {"selection": outcome.summary}
    answer(settings, run_select, plan_select, *asked, fields=fields, tell=print)

draw(["--json"], standalone_mode=False)
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.from_records import chosen, from_records
from workbench.cli.progress import Bar
from workbench.cli.text.reading import print_reading
from workbench.errors import InputError
from workbench.options import (
    BatchOptions,
    LoadOptions,
    ReadOptions,
    control_how,
    control_records,
    records,
)

if TYPE_CHECKING:
    from workbench.stages import ModelSource, Outcome, Place

MANIFEST = "manifest.json"
Settings = Mapping[str, Any]
"""What a command was given, by the names of its options."""


def together(*some: Callable) -> Callable:
    """Several options as one decorator, in the order of the help text."""

    def decorate(function: Callable) -> Callable:
        for option in reversed(some):
            function = option(function)
        return function

    return decorate


runs_option = click.option(
    "--runs",
    "runs_dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("runs"),
    show_default=True,
    help="Folder that holds the runs.",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object on stdout and nothing else."
)
explain_option = click.option(
    "--explain", is_flag=True, help="Print forward passes, time and memory, and do nothing."
)
run_options = together(runs_option, json_option, explain_option)
read_options = from_records(ReadOptions)
DATA = "Bundled name (gsm8k, math, generated, text), file, folder, glob, or hf:owner/name"
data_option = together(
    click.option("--data", multiple=True, required=True, metavar="D", help=f"{DATA}; repeatable."),
    read_options,
)
moved_data_option = click.option(
    "--data", multiple=True, metavar="D", help="The scored data, if it has moved."
)
load_options = from_records(LoadOptions)
model_options = from_records(LoadOptions, BatchOptions)
WHOLE = records(LoadOptions, "model", "device", "dtype", "template", "trust_remote_code")
"""Of a model whose weights are changed: they are not packed, and lie on one device."""


def model_source(settings: Settings) -> ModelSource:
    """The model, loaded as all of the command's options say."""
    from workbench.stages import ModelSource

    how = vars(chosen(LoadOptions, settings)).copy()
    return ModelSource(how.pop("model"), **how)


def control_option(help: str, **facts: Any) -> Callable:
    """`--control`, and how that data is read; `facts` are those of `click.option`."""
    control = click.option("--control", metavar="D", help=help, **facts)
    return together(control, from_records(*control_records()))


def control_columns(settings: Settings, control: Sequence[str]) -> ReadOptions:
    """How the control data is read; InputError where that is said and there is none."""
    how = control_how(settings)
    if how.asked and not control:
        raise InputError(
            f"{', '.join(how.asked)} is given and no control data",
            do="leave it out, or pass --control",
        )
    return how


def run_file(settings: Settings, ref: str, *results: str) -> Path:
    """The result that `ref` means: a file, a run's folder, or a run's name below `--runs`."""
    from workbench.runs import check_run, find_run

    path = find_run(settings["runs_dir"], ref, list(results))
    if MANIFEST not in results:
        check_run(path.parent)
    return path


def place(runs_dir: Path, *, quiet: bool = False) -> Place:
    """Where runs go, with a bar and what was read on stderr unless one JSON object is asked for."""
    from workbench.stages import Place

    return Place(runs_dir) if quiet else Place(runs_dir, Bar(), print_reading)


def answer(
    settings: Settings,
    run: Callable[..., Outcome],
    plan: Callable[..., Any],
    *asked: Any,
    fields: Callable[[Outcome], Mapping[str, Any]],
    tell: Callable[[Outcome], None],
    **how: Any,
) -> None:
    """Print the plan of a stage, or run it and print the answer.

    `fields` is what `--json` says beside the run, `tell` what a person reads before its result.
    """
    if settings["explain"]:
        print_json(plan(*asked, **how))
        return
    from workbench.runs import readings

    outcome = run(place(settings["runs_dir"], quiet=settings["as_json"]), *asked, **how)
    if settings["as_json"]:
        print_json(result_object(outcome, **fields(outcome), **readings(outcome.run)))
        return
    tell(outcome)
    note = " (a finished run answered)" if outcome.reused else ""
    click.echo(f"{outcome.result}{note}")


def result_object(outcome: Outcome, **more: Any) -> dict[str, Any]:
    """What `--json` prints for a finished run."""
    return {
        "run": str(outcome.run),
        "result": str(outcome.result),
        "status": "finished",
        "reused": outcome.reused,
        **more,
    }


def print_json(value: Any) -> None:
    is_unicode = "utf" in str(sys.stdout.encoding).lower()
    click.echo(json.dumps(value, ensure_ascii=not is_unicode))
