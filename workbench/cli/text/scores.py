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
    print_confounds(summary)


def print_correlations(summary: Any) -> None:
    """Spearman with length and each label, raw and (in brackets) with length held fixed."""
    labels = summary["labels"]
    click.echo("Spearman with        length" + "".join(f"{label:>20}" for label in labels))
    for row in summary["correlations"]:
        cells = "".join(f"{_pair(row[label], row[f'{label}|length']):>20}" for label in labels)
        click.echo(f"  {row['score']:<18} {_number(row['length']):>6}{cells}")
    if labels:
        click.echo("in brackets: with length held fixed")


def print_confounds(summary: Any) -> None:
    """What the score itself follows in the solutions, and how much of it length and loss explain.

    Labels come again where the loss of the rows is known, with both held fixed.
    """
    from workbench.scoring import CONFOUNDS, correlations_of, followed

    row, confounds = correlations_of(summary), summary.get("confounds", [])
    if confounds:
        title = f"{summary['variant'] or 'score'} with"
        click.echo(f"{title:<20} {'raw':>6} {'length fixed':>14} {'length, loss fixed':>20}")
        labels = summary["labels"] if "length|loss" in row else []
        for name in ("length", *confounds, *labels):
            fixed = row.get("length|loss" if name == "length" else f"{name}|length,loss")
            cells = f"{_number(row.get(f'{name}|length')):>14} {_number(fixed):>20}"
            shown = CONFOUNDS[name].name if name in CONFOUNDS else name
            click.echo(f"  {shown:<18} {_number(row[name]):>6} {cells}")
    for found in followed(summary):
        click.echo(found.sentence)


def _pair(raw: float | None, partial: float | None) -> str:
    return f"{_number(raw)} ({_number(partial)})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2f}"
