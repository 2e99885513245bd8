"""What is said of a probe, and of the rows that a stage left out.

print_probe(outcome.summary)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click


def print_probe(summary: Any) -> None:
    """How many samples were chosen, how, and what they cost the model."""
    loss = f", mean loss {summary['mean_loss']:.3f} nats a token" if summary["mean_loss"] else ""
    click.echo(
        f"{summary['n']} of {summary['n_pool']} samples chosen by {summary['strategy']}{loss}"
    )
    print_left_out(summary["left_out"])


def print_left_out(left_out: Mapping[str, int]) -> None:
    """How many rows were left out, one line a reason."""
    for reason, n in left_out.items():
        click.echo(f"  {n} left out: {reason}")
