"""`workbench demo`: the whole chain on a named model and bundled data."""

from __future__ import annotations

from pathlib import Path

import click

from workbench.catalog import catalog
from workbench.cli.frame import json_option, place, print_json
from workbench.cli.from_records import from_records
from workbench.options import LoadOptions, records


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("demo"),
    show_default=True,
    help="Folder for runs and exported data.",
)
@click.option(
    "--chain",
    type=click.Choice([entry.name for entry in catalog()]),
    default="math-tiny",
    show_default=True,
    help="The model, and as much as fits it: smollm2-135m takes half an hour of two cores.",
)
@from_records(*records(LoadOptions, "device"))
@json_option
def demo(out: Path, chain: str, device: str, as_json: bool) -> None:
    """Probe, heads, validation, scores, selection and export on a named model and bundled data."""
    from workbench.cli.text.heads import print_heads, print_validation
    from workbench.cli.text.scores import print_scores
    from workbench.cli.text.selection import print_selection
    from workbench.stages.demo import run_demo

    printers = {
        "heads": print_heads,
        "validation": print_validation,
        "scores": print_scores,
        "selection": print_selection,
    }

    def tell(title: str, kind: str | None, summary: object) -> None:
        if as_json:
            return
        click.echo(f"\n{title}" if kind is None else "", nl=kind is None)
        if kind in printers:
            printers[kind](summary)

    report = run_demo(
        place(out / "runs", quiet=as_json), out, chain=chain, device=device, tell=tell
    )
    if as_json:
        print_json(report)
        return
    click.echo(f"\nDone in {report['seconds']:.0f} s. Look at it: workbench app --runs {out}/runs")
