"""`workbench export`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from workbench.cli.frame import moved_data_option, place, print_json, run_file, run_options
from workbench.cli.from_records import chosen, from_records
from workbench.cli.text.selection import print_export
from workbench.errors import InputError
from workbench.options import ExportOptions, PushOptions


@click.command()
@click.option("--selection", "selection_ref", required=True, metavar="S")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True)
@from_records(ExportOptions, PushOptions)
@moved_data_option
@run_options
def export(selection_ref: str, out: Path, data: tuple[str, ...], **settings: Any) -> None:
    """Write a selection as a dataset folder with card, provenance and trainer files."""
    from workbench.selection import check_hub_id, publish
    from workbench.stages import plan_export, run_export

    path = run_file(settings, selection_ref, "selection.parquet")
    push = chosen(PushOptions, settings)
    if push.push_to_hub is not None:
        check_hub_id(push.push_to_hub)
    elif push.public:
        raise InputError("--public is passed and nothing goes to the hub", do="pass --push-to-hub")
    form = vars(chosen(ExportOptions, settings))
    if settings["explain"]:
        hub = {"hub": push.push_to_hub, "public": push.public} if push.push_to_hub else {}
        print_json({**plan_export(path, out, **form), **hub})
        return
    where = place(settings["runs_dir"], quiet=settings["as_json"])
    report = run_export(where, path, out, **form, data=data)
    if push.push_to_hub is not None:
        report = {**report, "hub": publish(out, push.push_to_hub, public=push.public)}
    if settings["as_json"]:
        done = {"run": str(path.parent), "result": str(out), "status": "finished"}
        print_json({**done, "reused": False, **report})
        return
    print_export(report, out, whole_pool=settings["form"] != "subset")
    if form["license"] == "unknown":
        click.echo("The card says that the licence is unknown; --license names it.", err=True)
    if "hub" in report:
        click.echo(report["hub"])
