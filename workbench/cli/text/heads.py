"""What `workbench heads` says of its results to a person.

print_heads(outcome.summary)
"""

from __future__ import annotations

from typing import Any

import click

from workbench.cli.text.probe import print_left_out
from workbench.names import (
    LOSS_INCREASE,
    MEASURES,
    SETS,
    head_name,
    importance_name,
    random_sets_name,
)


def circuit(content: Any) -> list[list[int]]:
    """Layer and head of the selected heads, best rank first."""
    chosen = sorted((h for h in content["heads"] if h["selected"]), key=lambda h: h["rank"])
    return [[h["layer"], h["head"]] for h in chosen]


def print_heads(content: Any) -> None:
    """The circuit as a table, then the map: one line a layer, a digit a head, the circuit boxed."""
    model, every = content["model"], content["heads"]
    at_most = "up to " if content.get("search") else ""
    click.echo(
        f"{model['id']}: {len(every)} heads on {at_most}{content['n_samples']} samples, "
        f"loss {content['base_loss']:.3f} nats a token"
    )
    measure = importance_name(content["method"])
    if control := content.get("control"):
        click.echo(
            f"control: {control['n_samples']} samples of {', '.join(control['data'])}, "
            f"loss {control['base_loss']:.3f}; heads ranked by {content['rank_by']}"
        )
    if count := content["probe"].get("count"):
        kind, n = count.split(":")
        click.echo(f"the loss of the {kind} {n} tokens of each solution counts")
    if search := content.get("search"):
        share = search["head_samples"] / search["head_samples_exact"]
        click.echo(f"{share:.0%} of the head samples of the exact method; {search['statement']}")
        if ties := search.get("near_ties"):
            spared = search["head_samples_spared"] / search["head_samples_exact"]
            named = ", ".join(head_name(*head) for head in ties)
            click.echo(f"near ties: {named}; telling them apart would take up to {spared:.0%} more")
    if "accuracy" in content["probe"]:
        click.echo(f"values retrieved exactly {content['probe']['accuracy']:.1%}")
    beside = f" {'on control':>11} {'contrast':>9}" if control else ""
    has_facts = any(h.get("contribution") is not None for h in every)
    beside += f" {'contributes':>12} {'on first token':>15}" if has_facts else ""
    click.echo(f"{'rank':>4} {'head':>6} {measure:>15} {'95 % interval':>18} {'stable':>7}{beside}")
    for head in sorted((h for h in every if h["selected"]), key=lambda h: h["rank"]):
        interval = f"{head['ci_low']:+.4f} .. {head['ci_high']:+.4f}"
        beside = f" {head['control_delta']:+11.4f} {head['contrast']:+9.4f}" if control else ""
        beside += _facts(head) if has_facts else ""
        click.echo(
            f"{head['rank']:4d} {head_name(head['layer'], head['head']):>6} {head['delta']:+15.4f} "
            f"{interval:>18} {head.get('stability', 0):7.0%}{beside}"
        )
    _print_idle(every)
    print_map(content, "delta", measure)
    if control:
        print_map(content, "control_delta", f"{LOSS_INCREASE} on the control")
        print_map(content, "contrast", "contrast")


def _facts(head: Any) -> str:
    """Loss increase with the output at its mean, attention on the first token, and `idle`."""
    if head["contribution"] is None:
        return ""
    idle = "  idle" if head["idle"] else ""
    return f" {head['contribution']:+12.4f} {head['sink_share']:15.0%}{idle}"


def _print_idle(every: Any) -> None:
    idle = [h for h in every if h.get("idle") and h["selected"]]
    if idle:
        click.echo(
            "idle: uniform attention there costs loss, taking the head's output away costs none; "
            "it contributes nothing as it is (see --rank contribution)"
        )


def print_map(content: Any, field: str, measure: str) -> None:
    run = [h for h in content["heads"] if _was_run(h)]
    never = ", ~ = never run" if len(run) < len(content["heads"]) else ""
    click.echo(f"map (9 = largest {measure}, . = none{never}; [ ] = circuit), head 0 on the left")
    largest = max(0.0, *(h[field] for h in run)) or 1.0
    for layer in range(content["model"]["n_layers"]):
        row = sorted((h for h in content["heads"] if h["layer"] == layer), key=lambda h: h["head"])
        cells = (
            _cell(max(0.0, h[field] / largest), selected=h["selected"]) if _was_run(h) else " ~ "
            for h in row
        )
        click.echo(f"  layer {layer:2d} " + "".join(cells))


def _was_run(head: Any) -> bool:
    """Of some heads a screen knows only what gradients tell."""
    return head.get("basis") != "gradient"


def _cell(share: float, *, selected: bool) -> str:
    sign = "." if share < 0.05 else str(min(9, round(9 * share)))
    return f"[{sign}]" if selected else f" {sign} "


def print_validation(report: Any) -> None:
    """Loss, right answers and exact solutions of every knock-out, and the verdict."""
    print_left_out(report["left_out"])
    if report["held_out"] is False:
        click.echo("no rows but those that the heads were found on")
    right, exact = MEASURES["accuracy"].name, MEASURES["exact"].name
    click.echo(f"{'made uniform':<24} {'loss':>7} {right:>14} {exact:>16}")
    for key, names in SETS.items():
        is_random = key == "random"
        name = random_sets_name(report["n_random"]) if is_random else names.uniform
        mean = "mean_" if is_random else ""
        loss, right, exact = (report[key][mean + m] for m in MEASURES)
        shown = "-" if right is None else f"{right:.1%}"
        click.echo(f"{name:<24} {loss:7.3f} {shown:>14} {exact:16.1%}")
    for control in report["controls"]:
        click.echo(
            f"on {control['data']}: loss {control['base_loss']:.3f}, circuit "
            f"{control['circuit_loss']:.3f}, random sets {control['random_mean_loss']:.3f}"
        )
    for measure, names in MEASURES.items():
        # Where nothing was right nothing can be lost.
        if (effect := report["effect"][measure]) and report["base"][measure] != 0:
            click.echo(
                f"{names.lost} lost: {effect['difference']:+.3f} more than by random sets "
                f"({effect['low']:+.3f} .. {effect['high']:+.3f}), p = {effect['p']:.3f}"
            )
    click.echo(report["verdict"])


def print_comparison(report: Any) -> None:
    """Which heads two circuits share, and how alike the two rankings are."""
    click.echo(f"shared {_names(report['shared'])}")
    click.echo(f"only in the first {_names(report['only_a'])}")
    click.echo(f"only in the second {_names(report['only_b'])}")
    click.echo(f"overlap of the circuits (Jaccard) {report['overlap']:.2f}")
    click.echo(f"rank correlation over all heads   {report['rank_correlation']:.2f}")
    first, second = report["kinds"]
    click.echo(f"{'head':>8} {first:>24} {'rank':>5} {second:>24} {'rank':>5}")
    for head in report["heads"]:
        cells = (
            f"{value:+24.4f} {rank:5d}"
            for value, rank in zip(head["values"], head["ranks"], strict=True)
        )
        idle = "  idle" if head["idle"] else ""
        click.echo(f"{_names([head['head']]):>8} {' '.join(cells)}{idle}")


def _names(heads: list[str]) -> str:
    """Heads that a report has as `layer.head`, as people write them."""
    return ", ".join(head_name(*map(int, head.split("."))) for head in heads) or "none"
