"""`workbench select` and `workbench export`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from workbench.cli.options import (
    Finite,
    explain_option,
    json_option,
    place,
    print_json,
    print_outcome,
    result_object,
    runs_option,
    seed_option,
)

MOST_NAMES = 12


@click.command()
@click.option("--scores", "scores_ref", required=True, metavar="S")
@click.option(
    "--policy",
    type=click.Choice(["soft", "top", "bottom", "random", "length-matched"]),
    default="soft",
    show_default=True,
)
@click.option("--fraction", type=Finite(), help="Share of the pool.")
@click.option("--n", type=int, help="Number of rows.")
@click.option("--tokens", type=int, help="Token budget.")
@click.option(
    "--temperature", type=Finite(), default=1.0, show_default=True, help="Of soft sampling."
)
@click.option(
    "--adjust",
    type=click.Choice(["none", "length"]),
    default="none",
    show_default=True,
    help="length: draw by score_within_length.",
)
@click.option("--group-by", metavar="COLUMN", help="Spread over groups; also length_bin.")
@click.option(
    "--marks",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Rows kept or dropped by hand: a marks.json of the app.",
)
@click.option("--data", multiple=True, metavar="D", help="The scored data, if it has moved.")
@seed_option
@runs_option
@json_option
@explain_option
def select(
    scores_ref: str,
    data: tuple[str, ...],
    runs_dir: Path,
    as_json: bool,
    explain: bool,
    marks: Path | None,
    **options: Any,
) -> None:
    """Draw a subset by score."""
    from workbench.runs import find_run
    from workbench.selection import DROP, KEEP, marked, read_marks
    from workbench.stages import SelectOptions, plan_select, run_select

    by_hand = read_marks(marks) if marks else {}
    path = find_run(runs_dir, scores_ref, ["scores.parquet"])
    chosen = SelectOptions(**options, keep=marked(by_hand, KEEP), drop=marked(by_hand, DROP))
    if explain:
        print_json(plan_select(path, chosen, data=data))
        return
    outcome = run_select(place(runs_dir, quiet=True), path, chosen, data=data)
    if as_json:
        print_json(result_object(outcome, diagnostics=outcome.summary))
        return
    print_selection(outcome.summary)
    print_outcome(outcome)


@click.command()
@click.option("--selection", "selection_ref", required=True, metavar="S")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True)
@click.option(
    "--format",
    "fmt",
    type=click.Choice(["jsonl", "parquet", "prompt-completion", "messages", "alpaca", "sharegpt"]),
    default="jsonl",
    show_default=True,
)
@click.option(
    "--as",
    "form",
    type=click.Choice(["subset", "repeat-weight"]),
    default="subset",
    show_default=True,
    help="repeat-weight: the whole pool, with _repeat 2 for selected rows.",
)
@click.option("--data", multiple=True, metavar="D", help="The scored data, if it has moved.")
@runs_option
@json_option
@explain_option
def export(
    selection_ref: str,
    out: Path,
    fmt: str,
    form: str,
    data: tuple[str, ...],
    runs_dir: Path,
    as_json: bool,
    explain: bool,
) -> None:
    """Write a selection as a dataset folder with card, provenance and trainer files."""
    from workbench.runs import find_run
    from workbench.stages import plan_export, run_export

    path = find_run(runs_dir, selection_ref, ["selection.parquet"])
    if explain:
        print_json(plan_export(path, out, format=fmt, form=form))
        return
    report = run_export(place(runs_dir, quiet=True), path, out, format=fmt, form=form, data=data)
    if as_json:
        where = {"run": str(path.parent), "result": str(out), "status": "finished"}
        print_json({**where, "reused": False, **report})
        return
    counts, file = report["counts"], out / report["data_file"]
    if form == "subset":
        click.echo(f"{counts['selected']} rows in {file}")
    else:
        click.echo(f"{counts['written']} rows in {file}, {counts['selected']} of them twice")


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
    _print_mix("source", report["sources"])
    if report["group_by"] not in (None, "source") and "groups" in report:
        _print_mix(report["group_by"], report["groups"])


def _policy(report: Any) -> str:
    more = [
        f"temperature {report['temperature']:g}" if report["temperature"] else "",
        "free of length" if report["adjust"] == "length" else "",
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
