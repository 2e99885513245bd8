"""`workbench doctor`."""

from __future__ import annotations

import click

from workbench.cli.options import json_option, model_options, model_source, print_json


@click.command()
@model_options
@json_option
def doctor(
    model_name: str, device: str, dtype: str, batch_tokens: int | None, as_json: bool
) -> None:
    """Versions, devices, memory, and the self-check of a model."""
    from workbench.stages.doctor import examine

    report = examine(model_source(model_name, device=device, dtype=dtype))
    if as_json:
        print_json(report)
        return
    for section, facts in report.items():
        click.echo(section)
        for name, value in facts.items():
            shown = f"{value:.1e}" if isinstance(value, float) and value < 0.01 else value
            click.echo(f"  {name:<22} {shown}")
