"""`workbench heads find | retrieve | robust | show | compare`; `validate` has its own module."""

from __future__ import annotations

import dataclasses
from functools import partial
from pathlib import Path
from typing import Any

import click

from workbench.cli.frame import (
    Settings,
    answer,
    control_columns,
    control_option,
    json_option,
    model_options,
    model_source,
    place,
    print_json,
    read_options,
    run_file,
    run_options,
    runs_option,
)
from workbench.cli.from_records import chosen, from_records
from workbench.cli.text.heads import circuit, print_comparison, print_heads
from workbench.cli.text.robust import print_robust
from workbench.errors import InputError
from workbench.options import (
    HeadsOptions,
    OptionRecord,
    ProbeOptions,
    ReadOptions,
    RetrievalOptions,
    RobustOptions,
    SettingsOptions,
    WorkerOptions,
    records,
)

RETRIEVAL = "retrieval"
TEXT = ("text",)
(METHOD,) = records(HeadsOptions, "method")
METHODS = dataclasses.replace(
    METHOD,
    choices=(*METHOD.choices, RETRIEVAL),
    help=f"{METHOD.help[:-1]}; retrieval: as `heads retrieve`.",
)
N = OptionRecord(
    *("n", "--n", int, None),
    f"Samples of that probe, default {ProbeOptions.n}; of retrieval, default {RetrievalOptions.n}.",
    low=1,
)


@click.group()
def heads() -> None:
    """Importance of every attention head, and the circuit at the top."""


@heads.command()
@model_options
@click.option("--probe", "probe_ref", metavar="P", help="Run folder or probe.json of a probe.")
@click.option(
    "--data",
    multiple=True,
    metavar="D",
    help="Build the default probe from this data; retrieval: where its values come from [text].",
)
@read_options
@from_records(N, METHODS, HeadsOptions, RetrievalOptions, WorkerOptions)
@control_option(
    "Also the loss increase on this data (text, say), and the contrast with it; repeatable.",
    multiple=True,
)
@run_options
def find(
    probe_ref: str | None, data: tuple[str, ...], control: tuple[str, ...], **settings: Any
) -> None:
    """Make each head uniform in turn; the costliest become the circuit.

    `race` and `screen` find the same circuit on a fraction of the passes, with stated confidence.
    With `--method retrieval` no head is touched: it is `workbench heads retrieve`.
    """
    beside = control_columns(settings, control)
    if settings["method"] == RETRIEVAL:
        _check_no_ablation(probe_ref, control, settings["rank"])
        _retrieve(data or TEXT, settings)
        return
    from workbench.stages import plan_heads, run_heads

    if bool(probe_ref) == bool(data):
        raise InputError("give either --probe or --data", expected="one of the two")
    if probe_ref and (columns := chosen(ReadOptions, settings).asked):
        raise InputError(
            f"{', '.join(columns)} is given beside a probe, whose rows have been read",
            do="leave it out, or pass it to `workbench probe build`",
        )
    if settings["rank"] == "contrast":
        control = control or TEXT
    source, options = model_source(settings), chosen(HeadsOptions, settings)
    drawn = None if probe_ref else chosen(ProbeOptions, settings)
    answer(
        settings,
        run_heads,
        partial(plan_heads, drawn=drawn, how=chosen(ReadOptions, settings)),
        source,
        run_file(settings, probe_ref, "probe.json")
        if probe_ref
        else _probe(source, data, settings),
        options,
        control=control,
        control_how=beside,
        batch_tokens=settings["batch_tokens"],
        workers=chosen(WorkerOptions, settings),
        fields=_fields,
        tell=_tell,
    )


def _check_no_ablation(probe_ref: str | None, control: tuple[str, ...], rank: str) -> None:
    """Refuse what retrieval cannot read: it makes its own samples and no head fails."""
    if probe_ref:
        raise InputError(
            f"--probe is '{probe_ref}'",
            expected="none: the method retrieval makes its own samples",
            do="leave it out",
        )
    if control or rank != "delta":
        raise InputError(
            "retrieval scores are no loss increases, so there is no contrast with a control",
            do="leave out --control and --rank, or find heads with --method exact",
        )


def _probe(source: Any, data: tuple[str, ...], settings: Settings) -> Path | list[str]:
    """The default probe of `data`; for a plan the data itself, of which it would be chosen."""
    from workbench.stages import run_probe

    if settings["explain"]:
        return list(data)
    options = chosen(ProbeOptions, settings)
    where = place(settings["runs_dir"], quiet=settings["as_json"])
    how = {"how": chosen(ReadOptions, settings), "batch_tokens": settings["batch_tokens"]}
    workers = chosen(WorkerOptions, settings)
    return run_probe(where, source, data, options, workers=workers, **how).result


def _fields(outcome: Any) -> dict[str, Any]:
    return {"circuit": circuit(outcome.summary)}


def _tell(outcome: Any) -> None:
    _print(outcome.summary)


def _print(content: Any) -> None:
    (print_robust if content.get("robust") else print_heads)(content)


@heads.command()
@model_options
@click.option(
    "--data",
    multiple=True,
    default=TEXT,
    show_default=True,
    metavar="D",
    help="Where the values of the documents come from; repeatable.",
)
@read_options
@from_records(RetrievalOptions, WorkerOptions)
@run_options
def retrieve(data: tuple[str, ...], **settings: Any) -> None:
    """Find the heads that copy a value by its key; no head is touched.

    The samples are key-value documents with a question, made from sentences of the data.
    """
    _retrieve(data, settings)


def _retrieve(data: tuple[str, ...], settings: Settings) -> None:
    from workbench.stages import plan_retrieval, run_retrieval

    answer(
        settings,
        run_retrieval,
        plan_retrieval,
        model_source(settings),
        chosen(RetrievalOptions, settings),
        text=data,
        how=chosen(ReadOptions, settings),
        batch_tokens=settings["batch_tokens"],
        workers=chosen(WorkerOptions, settings),
        fields=_fields,
        tell=_tell,
    )


@heads.command()
@model_options
@click.option(
    "--heads",
    "heads_refs",
    multiple=True,
    metavar="H [H ...]",
    help="Runs of `heads find` on the model: other probes, data, kinds of ablation.",
)
@click.argument("more", nargs=-1, metavar="")
@click.option(
    "--data",
    multiple=True,
    metavar="D",
    help="Also settings on probes of this data, run where none is finished; repeatable.",
)
@read_options
@from_records(RobustOptions, SettingsOptions)
@run_options
def robust(
    heads_refs: tuple[str, ...], more: tuple[str, ...], data: tuple[str, ...], **settings: Any
) -> None:
    """The heads that stay in the circuit over all of several settings.

    Of finished runs it reads what they found; with --data also of each source, draw and kind of
    ablation asked for. The result is a circuit like any other.
    """
    from workbench.stages import plan_robust, run_robust

    paths = [run_file(settings, ref, "heads.json") for ref in (*heads_refs, *more)]
    if data and settings["explain"]:
        print_json(_on_settings("plan_settings", data, settings))
        return
    if data:
        paths += _on_settings("run_settings", data, settings)
    answer(
        settings,
        run_robust,
        plan_robust,
        model_source(settings),
        list(dict.fromkeys(path.resolve() for path in paths)) if data else paths,
        chosen(RobustOptions, settings),
        fields=lambda outcome: {**_fields(outcome), "robust": outcome.summary["robust"]},
        tell=_tell,
    )


def _on_settings(stage: str, data: tuple[str, ...], settings: Settings) -> Any:
    """The runs of every setting on `data`, or their plan."""
    from workbench import stages

    return getattr(stages, stage)(
        place(settings["runs_dir"], quiet=settings["as_json"]),
        model_source(settings),
        data,
        chosen(SettingsOptions, settings),
        how=chosen(ReadOptions, settings),
        batch_tokens=settings["batch_tokens"],
    )


@heads.command()
@click.argument("ref", metavar="H")
@runs_option
@json_option
def show(ref: str, as_json: bool, **settings: Any) -> None:
    """The head map of one run: the circuit with intervals, and a picture in characters."""
    import json

    from workbench.circuits import heads_to_json, read_heads

    path = run_file(settings, ref, "heads.json")
    heads = read_heads(path)
    content = json.loads(path.read_text(encoding="utf-8"))
    if "schema" not in content:
        content = heads_to_json(heads)
    if as_json:
        print_json({"result": str(path), **content})
        return
    _print(content)
    click.echo(str(path))


@heads.command()
@click.argument("a")
@click.argument("b")
@runs_option
@json_option
def compare(a: str, b: str, as_json: bool, **settings: Any) -> None:
    """Overlap and rank correlation of two runs."""
    from workbench.circuits import compare_heads, read_heads

    report = compare_heads(*(read_heads(run_file(settings, ref, "heads.json")) for ref in (a, b)))
    if as_json:
        print_json(report)
        return
    print_comparison(report)
