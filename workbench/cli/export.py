"""`workbench export`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from workbench.cli.frame import moved_data_option, place, print_json, run_file, run_options
from workbench.cli.from_records import chosen, from_records
from workbench.cli.text.selection import print_export
from workbench.options import ExportOptions


@click.command()
@click.option("--selection", "selection_ref", required=True, metavar="S")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True)
@from_records(ExportOptions)
@moved_data_option
@run_options
def export(selection_ref: str, out: Path, data: tuple[str, ...], **settings: Any) -> None:
    """Write a selection as a dataset folder with card, provenance and trainer files."""
    from workbench.stages import explain_export, run_export

    path = run_file(settings, selection_ref, "selection.parquet")
    form = vars(chosen(ExportOptions, settings))
    if settings["explain"]:
        print_json(explain_export(path, out, **form))
        return
    report = run_export(place(settings["runs_dir"], quiet=True), path, out, **form, data=data)
    if settings["as_json"]:
        where = {"run": str(path.parent), "result": str(out), "status": "finished"}
        print_json({**where, "reused": False, **report})
        return
    print_export(report, out, whole_pool=settings["form"] != "subset")
