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
    if report.get("combine"):
        click.echo(f"scores                 {report['combine']} of {', '.join(report['methods'])}")
    if lost := report["status_counts"].get("not_joined"):
        click.echo(f"not joined             {lost} rows have no score in all of the tables")
    if near := report.get("near_duplicates"):
        click.echo(
            f"near duplicates        {near['left_out']} left out for {near['stay_for_them']} rows "
            f"(likeness {near['likeness']:g}, estimated to {near['standard_error']:.3f})"
        )
    click.echo(f"tokens                 {after} of {before} ({after / before:.1%})")
    click.echo(f"effective sample size  {report['effective_sample_size']:.1f} of {n_pool}")
    click.echo(
        f"among the top {n:<8} {overlap['share']:.1%} "
        f"(a random draw {overlap['share_if_random']:.1%})"
    )
    if alike := report.get("alike"):
        strata = f"{alike['n_strata']} strata, the smallest of {alike['smallest']} rows"
        click.echo(f"alike in               {', '.join(alike['columns'])} ({strata})")
    _print_quotas(report)
    _print_mix("source", report["sources"])
    if report["group_by"] not in (None, "source") and "groups" in report:
        _print_mix(report["group_by"], report["groups"])


def _print_quotas(report: Any) -> None:
    """What each quota got, and what of the budget could not be filled."""
    for quota in report.get("quotas", []):
        short = quota["asked"] - quota["taken"]
        why = f", {short} could not be filled" if short else ""
        name = f"{report['quota_by']}={quota['name']}"
        click.echo(f"quota {name}: {quota['taken']} of {quota['asked']} {report['unit']}{why}")
    if report.get("unfilled"):
        click.echo(f"unfilled               {report['unfilled']} {report['unit']} of the budget")


def _policy(report: Any) -> str:
    more = [
        f"temperature {report['temperature']:g}" if report["temperature"] else "",
        "" if report["adjust"] == "none" else f"free of {report['adjust'].replace(',', ', ')}",
        f"by {report['group_by']}" if report["group_by"] else "",
        f"at most {report['max_per_group']} a group" if report.get("max_per_group") else "",
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
