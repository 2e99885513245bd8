"""The frame of a command: the options that all share, then the plan, or the run and its answer.

@probe.command()
@model_options
@data_option
@from_records(ProbeOptions)
@run_options
def build(data, **settings):
    asked = (model_source(settings), data, chosen(ProbeOptions, settings))
    answer(settings, run_probe, plan_probe, *asked, fields=..., tell=print_probe)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.cli.from_records import chosen, from_records
from workbench.cli.progress import Bar
from workbench.options import BatchOptions, LoadOptions, records

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
data_option = click.option(
    "--data",
    multiple=True,
    required=True,
    metavar="D",
    help="Bundled name (gsm8k, math, generated, text), file, glob, or hf:owner/name; repeatable.",
)
moved_data_option = click.option(
    "--data", multiple=True, metavar="D", help="The scored data, if it has moved."
)
load_options = from_records(LoadOptions)
model_options = from_records(LoadOptions, BatchOptions)
WHOLE = records(LoadOptions, "model", "device", "dtype", "template")
"""Of a model whose weights are changed: they are not packed, and lie on one device."""


def model_source(settings: Settings) -> ModelSource:
    """The model, loaded as all of the command's options say."""
    from workbench.stages import ModelSource

    how = vars(chosen(LoadOptions, settings)).copy()
    return ModelSource(how.pop("model"), **how)


def run_file(settings: Settings, ref: str, *results: str) -> Path:
    """The result that `ref` means: a file, a run's folder, or a run's name below `--runs`."""
    from workbench.runs import check_run, find_run

    path = find_run(settings["runs_dir"], ref, list(results))
    if MANIFEST not in results:
        check_run(path.parent)
    return path


def place(runs_dir: Path, *, quiet: bool = False) -> Place:
    """Where runs go, with a bar on stderr when a person is watching."""
    from workbench.stages import Place
    from workbench.types import no_progress

    return Place(runs_dir, no_progress if quiet else Bar())


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
    outcome = run(place(settings["runs_dir"], quiet=settings["as_json"]), *asked, **how)
    if settings["as_json"]:
        print_json(result_object(outcome, **fields(outcome)))
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
    click.echo(json.dumps(value, ensure_ascii=False))
