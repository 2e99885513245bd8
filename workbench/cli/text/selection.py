"""What is said of a selection, and of its export.

print_selection(outcome.summary)
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

MOST_NAMES = 12


def print_selection(report: Any) -> None:
    """What was chosen, and what it did to the data."""
    n, n_pool, overlap = report["n_selected"], report["n_pool"], report["top_overlap"]
    before, after = report["tokens"]["before"], report["tokens"]["after"]
    click.echo(f"{_policy(report)}: {n} of {n_pool} rows ({n / n_pool:.1%})")
    click.echo(f"tokens                 {after} of {before} ({after / before:.1%})")
    click.echo(f"effective sample size  {report['effective_sample_size']:.1f} of {n_pool}")
    click.echo(
        f"among the top {n:<8} {overlap['share']:.1%} "
        f"(a random draw {overlap['share_if_random']:.1%})"
    )
    if alike := report.get("alike"):
        strata = f"{alike['n_strata']} strata, the smallest of {alike['smallest']} rows"
        click.echo(f"alike in               {', '.join(alike['columns'])} ({strata})")
    _print_mix("source", report["sources"])
    if report["group_by"] not in (None, "source") and "groups" in report:
        _print_mix(report["group_by"], report["groups"])


def _policy(report: Any) -> str:
    more = [
        f"temperature {report['temperature']:g}" if report["temperature"] else "",
        "" if report["adjust"] == "none" else f"free of {report['adjust'].replace(',', ', ')}",
        f"by {report['group_by']}" if report["group_by"] else "",
        f"seed {report['seed']}",
    ]
    return ", ".join([f"policy {report['policy']}", *filter(None, more)])


def _print_mix(title: str, mix: Any) -> None:
    """Rows before and after of each name, the largest first."""
    click.echo(f"{title:<40} {'before':>16} {'after':>16}")
    ordered = sorted(mix, key=lambda part: (-part["n_before"], part["name"]))
    for part in ordered[:MOST_NAMES]:
        cells = [f"{part[f'n_{w}']} ({part[f'share_{w}']:.1%})" for w in ("before", "after")]
        click.echo(f"  {part['name'][:38]:<38} {cells[0]:>16} {cells[1]:>16}")
    if len(ordered) > MOST_NAMES:
        click.echo(f"  and {len(ordered) - MOST_NAMES} more")


def print_export(report: Any, out: Path, *, whole_pool: bool) -> None:
    """How many rows were written, and where."""
    counts, file = report["counts"], out / report["data_file"]
    if whole_pool:
        click.echo(f"{counts['written']} rows in {file}, {counts['selected']} of them twice")
    else:
        # Where no row has an answer, the prompts are the data.
        n_rows = counts["selected"] - counts.get("prompt_only", 0) or counts["selected"]
        click.echo(f"{n_rows} rows in {file}")
    if counts.get("prompt_only"):
        click.echo(f"{counts['prompt_only']} rows have no completion: nothing to train on")
