"""What `workbench tune` says of its result to a person.

print_tuning(outcome.summary)
"""

from __future__ import annotations

from typing import Any

import click


def print_tuning(summary: Any) -> None:
    """What was trained on what, and how far the loss fell."""
    from workbench.tuning import weights_in_words

    data, loss = summary["data"], summary["loss"]
    counts = ", ".join(f"{n} {status}" for status, n in data["counts"].items())
    click.echo(f"rows of {data['name']}: {counts}; {data['n_targets']} target tokens")
    for reason in data["reasons"].values():
        click.echo(f"  {reason}")
    if data["n_without_steps"]:
        click.echo(f"  {data['n_without_steps']} rows have no steps: weight 1 everywhere")
    share = summary["n_trained"] / summary["n_parameters"]
    click.echo(
        f"trained {summary['n_trained']} of {summary['n_parameters']} parameters ({share:.1%}) "
        f"in {loss['n_steps']} steps, token weights: {weights_in_words(data)}"
    )
    click.echo(
        f"loss {loss['first_tenth']:.4f} in the first tenth of the steps, "
        f"{loss['last_tenth']:.4f} in the last (nats a target token)"
    )
    if "eval" in summary:
        held_out = summary["eval"]
        click.echo(
            f"loss {held_out['loss_before']:.4f} before and {held_out['loss_after']:.4f} after on "
            f"{held_out['counts']['ok']} rows of {', '.join(held_out['data'])}"
        )
