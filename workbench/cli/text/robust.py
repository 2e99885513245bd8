"""What `workbench heads robust` says of its result to a person.

print_robust(outcome.summary)
"""

from __future__ import annotations

from typing import Any

import click

from workbench.cli.text.heads import print_map
from workbench.names import head_name

MOST = 20


def print_robust(content: Any) -> None:
    """The settings, the heads by the share that keeps them, what is agreed on, and the map."""
    robust, heads = content["robust"], content["heads"]
    settings = robust["settings"]
    click.echo(
        f"{content['model']['id']}: {len(heads)} heads in {len(settings)} settings; circuits "
        f"overlap by {robust['overlap']:.2f} in pairs (Jaccard)"
    )
    click.echo(
        f"{'setting':<28} {'ablation':<16} {'data':<20} {'counted':<10} {'seed':>5} {'n':>5}"
    )
    for one in settings:
        data, seed = ", ".join(one["data"]) or "-", "-" if one["seed"] is None else one["seed"]
        click.echo(
            f"{one['run'][:28]:<28} {one['ablation']:<16} {data[:20]:<20} {one['count']:<10} "
            f"{seed:>5} {one['n_circuit']:>5}"
        )
    _print_heads(heads)
    for name in ("strict", "majority"):
        chance = f" (by chance {robust['strict_by_chance']:.2g})" if name == "strict" else ""
        named = ", ".join(robust[name]) or "none"
        click.echo(f"{name}{chance}: {len(robust[name])} heads: {named}")
    if robust["idle"]:
        click.echo(
            f"idle in most settings that looked: {', '.join(robust['idle'])}; uniform attention "
            "there costs loss, taking the head's output away costs none"
        )
    n_chosen = sum(h["selected"] for h in heads)
    click.echo(f"circuit: the {n_chosen} heads kept by at least {robust['keep']:.0%}")
    print_map(content, "kept", "share of settings")


def _print_heads(heads: Any) -> None:
    """Those that any setting keeps, up to twenty and the circuit."""
    kept = sorted((h for h in heads if h["kept"]), key=lambda h: h["rank"])
    click.echo(f"{'rank':>4} {'head':>8} {'kept':>6} {'mean increase':>14} {'contributes':>12}")
    shown = [h for h in kept if h["selected"] or h["rank"] <= MOST]
    for head in shown:
        written = head["contribution"]
        contributes = "-" if written is None else f"{written:+.4f}"
        idle = "  idle" if head["idle"] else ""
        click.echo(
            f"{head['rank']:4d} {head_name(head['layer'], head['head']):>8} {head['kept']:6.0%} "
            f"{head['delta']:+14.4f} {contributes:>12}{idle}"
        )
    if len(kept) > len(shown):
        click.echo(f"     and {len(kept) - len(shown)} more that some setting keeps")
