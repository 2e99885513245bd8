"""What `workbench amplify` says of its results to a person.

print_mask(outcome.summary)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from workbench.cli.text.probe import print_left_out

if TYPE_CHECKING:
    from workbench.stages import Outcome


def print_pivots(summary: Any) -> None:
    """How many pivotal tokens there are, and what became of the other problems."""
    where = f" with {summary['where']}" if summary["where"] else ""
    click.echo(
        f"{summary['n_pivots']} pivotal tokens in {summary['n_problems']} problems of "
        f"{', '.join(summary['data'])}{where}, rule {summary['rule']}"
    )
    click.echo(
        f"greedy answers right {summary['greedy_right']:.1%}, "
        f"sampled traces a problem {summary['mean_sampled']:.1f}"
    )
    for status, reason in summary["reasons"].items():
        click.echo(f"  {summary['counts'][status]} without: {reason}")
    print_left_out(summary["left_out"])


def print_mask(summary: Any) -> None:
    """What is kept, and what it does to the logit difference."""
    counts = ", ".join(f"{n} {kind}" for kind, n in summary["counts"].items())
    click.echo(
        f"{summary['n_kept']} components kept ({summary['share']:.2%} of all): {counts}; "
        f"on {summary['n_examples']} pivotal tokens, {summary['stopped']}"
    )
    click.echo(
        f"logit difference, right less wrong: {summary['difference_before']:+.3f} as it is, "
        f"{summary['difference_after']:+.3f} in the last epoch of the mask"
    )
    for warning in summary["warnings"]:
        click.echo(f"warning: {warning}", err=True)


def print_update(summary: Any) -> None:
    """What may change, which step is kept, and what it does on validation."""
    validation, best = summary["validation"], summary["best"]
    click.echo(
        f"variant {summary['variant']}: {summary['n_components']} components "
        f"({summary['share_components']:.2%}), {summary['n_values']} values "
        f"({summary['share_values']:.2%})"
    )
    kept = f"step {best['step']} of size {best['lr']:g} kept"
    click.echo(
        f"right on {validation['n']} validation problems: {validation['before']:.1%} before, "
        f"{validation['after']:.1%} after, "
        f"{kept if best['step'] else 'no step was better than none: nothing is changed'}"
    )


def print_report(outcome: Outcome) -> None:
    """One line a model, and the verdict."""
    from workbench.figures import RESULT_COLUMNS, results_rows

    rows = [list(RESULT_COLUMNS), *results_rows(outcome.summary)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(RESULT_COLUMNS))]
    for row in rows:
        first, *rest = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join([first.strip().ljust(widths[0]), *rest]).rstrip())
    click.echo(outcome.summary["verdict"])
