"""What `workbench score` says of its result to a person.

print_scores(outcome.summary)
"""

from __future__ import annotations

from typing import Any

import click


def print_scores(summary: Any) -> None:
    """Counts by status and the correlation table."""
    counts = ", ".join(f"{n} {status}" for status, n in summary["counts"].items())
    click.echo(f"{summary['method']} over the {summary['part']}: {counts}")
    engine = summary.get("engine", {})
    if "reason" in engine and engine["asked"] != engine["name"]:
        click.echo(f"  on the {engine['name']} engine: {engine['reason']}")
    for reason, n in summary["reasons"].items():
        click.echo(f"  {n} x {reason}")
    if steps := summary.get("steps"):
        click.echo(f"{steps['n']} steps, weights by {steps['rule']}, beside the scores")
    print_correlations(summary)


def print_correlations(summary: Any) -> None:
    """Spearman with length and each label, raw and (in brackets) with length held fixed."""
    labels = summary["labels"]
    click.echo("Spearman with        length" + "".join(f"{label:>20}" for label in labels))
    for row in summary["correlations"]:
        cells = "".join(f"{_pair(row[label], row[f'{label}|length']):>20}" for label in labels)
        click.echo(f"  {row['score']:<18} {_number(row['length']):>6}{cells}")
    if labels:
        click.echo("in brackets: with length held fixed")


def _pair(raw: float | None, partial: float | None) -> str:
    return f"{_number(raw)} ({_number(partial)})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2f}"
