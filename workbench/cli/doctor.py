"""`workbench doctor`."""

from __future__ import annotations

from typing import Any

import click

from workbench.cli.frame import json_option, load_options, model_source, print_json


@click.command()
@load_options
@json_option
def doctor(as_json: bool, **settings: Any) -> None:
    """Versions, devices, memory, and the self-check of a model."""
    from workbench.stages.doctor import examine

    report = examine(model_source(settings))
    if as_json:
        print_json(report)
        return
    for section, facts in report.items():
        click.echo(section)
        for name, value in facts.items():
            shown = f"{value:.1e}" if isinstance(value, float) and value < 0.01 else value
            click.echo(f"  {name:<22} {shown}")
