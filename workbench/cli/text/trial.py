"""What `workbench trial` says of its result to a person.

print_trial(report)
"""

from __future__ import annotations

from typing import Any

import click

WIDTH = 48


def print_trial(report: Any) -> None:
    """The arms with their losses, what was equal, and the verdict."""
    budget, held_out, n = report["budget"], report["eval"], len(report["seeds"])
    click.echo(
        f"{n} training{'s' if n > 1 else ''} an arm, {budget['tokens']} tokens in "
        f"{budget['n_steps']} steps each; held-out loss of {held_out['n']} rows"
    )
    right = any("accuracy" in arm for arm in report["arms"])
    title = f"{'right':>8}" if right else ""
    click.echo(f"{'arm':<{WIDTH}} {'loss':>8} {title} {'rows':>7} {'tokens':>9} {'rounds':>7}")
    for arm in report["arms"]:
        answers = f"{arm['accuracy']:>8.1%}" if right else ""
        click.echo(
            f"  {arm['name'][: WIDTH - 2]:<{WIDTH - 2}} {arm['loss']:>8.4f} {answers} "
            f"{max(arm['n_rows']):>7} {max(arm['tokens']):>9} {max(arm['rounds']):>7.2f}"
        )
    before = report["untuned"]
    answers = f"{before['accuracy']:>8.1%}" if right else ""
    click.echo(f"  {'before':<{WIDTH - 2}} {before['loss']:>8.4f} {answers}")
    for task in report.get("tasks", {}):
        _print_task(task, report)
    for line in [*report["warnings"], *report["verdict"]]:
        click.echo(line)


def _print_task(task: str, report: Any) -> None:
    """Its mean by arm, best first by its own direction, the model before among them."""
    means = {arm["name"]: arm[task] for arm in report["arms"]} | {"before": report["untuned"][task]}
    falling = report["tasks"][task]["lower_is_better"]
    click.echo(f"{task}, {'lower' if falling else 'higher'} is better")
    for name in sorted(means, key=lambda name: means[name] if falling else -means[name]):
        click.echo(f"  {name[: WIDTH - 2]:<{WIDTH - 2}} {means[name]:>8.4f}")
