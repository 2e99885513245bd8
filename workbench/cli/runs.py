"""`workbench runs list | show | path`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from workbench.cli.frame import json_option, print_json, run_file, runs_option

MANIFEST = "manifest.json"


@click.group()
def runs() -> None:
    """What has been run."""


@runs.command("list")
@runs_option
@json_option
def list_command(runs_dir: Path, as_json: bool) -> None:
    """All runs with their status."""
    from workbench.runs import list_runs

    found = list_runs(runs_dir)
    if as_json:
        print_json(
            [
                {
                    "run": str(run.path),
                    "stage": run.stage,
                    "status": run.status,
                    "seconds": run.seconds,
                    "result": str(run.result) if run.result else None,
                }
                for run in found
            ]
        )
        return
    if not found:
        click.echo(f"No runs in {runs_dir} yet. Start with `workbench demo`.")
    for run in found:
        seconds = f"{run.seconds:8.1f} s" if run.seconds is not None else " " * 10
        click.echo(f"{run.path.name:<36} {run.status:<12} {seconds}")


@runs.command()
@click.argument("ref")
@runs_option
@json_option
def show(ref: str, **settings: Any) -> None:
    """The manifest of one run, as JSON either way."""
    from workbench.runs import read_manifest

    print_json(read_manifest(run_file(settings, ref, MANIFEST).parent))


@runs.command()
@click.argument("ref")
@runs_option
@json_option
def path(ref: str, as_json: bool, **settings: Any) -> None:
    """The folder of one run."""
    from workbench.runs import read_manifest

    folder = run_file(settings, ref, MANIFEST).parent
    if as_json:
        result = folder / read_manifest(folder)["result"]
        print_json({"run": str(folder), "result": str(result) if result.is_file() else None})
        return
    click.echo(str(folder))
