"""`workbench heads find | show | compare | validate`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from workbench.cli.options import (
    Finite,
    data_option,
    explain_option,
    json_option,
    model_options,
    place,
    print_json,
    print_outcome,
    result_object,
    runs_option,
    seed_option,
)


@click.group()
def heads() -> None:
    """Importance of every attention head, and the circuit at the top."""


@heads.command()
@model_options
@click.option("--probe", "probe_ref", metavar="P", help="Run folder or probe.json of a probe.")
@click.option("--data", multiple=True, metavar="D", help="Build the default probe from this data.")
@click.option(
    "--n",
    type=click.IntRange(min=1),
    default=300,
    show_default=True,
    help="Samples of that probe.",
)
@click.option("--method", type=click.Choice(["exact"]), default="exact", show_default=True)
@click.option(
    "--fraction",
    type=Finite(0, 1, min_open=True),
    default=0.05,
    show_default=True,
    help="Share of heads in the circuit.",
)
@click.option(
    "--min-heads",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="At least so many.",
)
@seed_option
@runs_option
@json_option
@explain_option
def find(
    model_name: str,
    device: str,
    dtype: str,
    batch_tokens: int,
    probe_ref: str | None,
    data: tuple[str, ...],
    n: int,
    method: str,
    fraction: float,
    min_heads: int,
    seed: int,
    runs_dir: Path,
    as_json: bool,
    explain: bool,
) -> None:
    """Make each head uniform in turn; the costliest become the circuit."""
    from workbench.errors import InputError
    from workbench.execute import HeadsOptions, ModelSource, ProbeOptions, run_heads, run_probe
    from workbench.execute.explain import explain_heads
    from workbench.runs import find_run

    if bool(probe_ref) == bool(data):
        raise InputError("give either --probe or --data", expected="one of the two")
    source = ModelSource(model_name, device=device, dtype=dtype)
    where = place(runs_dir, quiet=as_json)
    if probe_ref:
        probe_path = find_run(runs_dir, probe_ref, ["probe.json"])
    elif explain:
        print_json(explain_heads(source, list(data), n=n, batch_tokens=batch_tokens))
        return
    else:
        probe_path = run_probe(where, source, data, ProbeOptions(n=n, seed=seed)).result
    if explain:
        print_json(explain_heads(source, probe_path, batch_tokens=batch_tokens))
        return
    outcome = run_heads(
        where,
        source,
        probe_path,
        HeadsOptions(fraction=fraction, min_heads=min_heads, seed=seed, method=method),
        batch_tokens=batch_tokens,
    )
    if as_json:
        print_json(result_object(outcome, circuit=_circuit(outcome.summary)))
        return
    _print_heads(outcome.summary)
    print_outcome(outcome)


@heads.command()
@click.argument("ref", metavar="H")
@runs_option
@json_option
def show(ref: str, runs_dir: Path, as_json: bool) -> None:
    """The head map of one run: the circuit with intervals, and a picture in characters."""
    import json

    from workbench.runs import find_run

    path = find_run(runs_dir, ref, ["heads.json"])
    content = json.loads(path.read_text(encoding="utf-8"))
    if as_json:
        print_json({"result": str(path), **content})
        return
    _print_heads(content)
    click.echo(str(path))


@heads.command()
@click.argument("a")
@click.argument("b")
@runs_option
@json_option
def compare(a: str, b: str, runs_dir: Path, as_json: bool) -> None:
    """Overlap and rank correlation of two runs."""
    from workbench.circuits import compare_heads, read_heads
    from workbench.runs import find_run

    paths = [find_run(runs_dir, ref, ["heads.json"]) for ref in (a, b)]
    report = compare_heads(*(read_heads(path) for path in paths))
    if as_json:
        print_json(report)
        return
    click.echo(f"shared {', '.join(report['shared']) or 'none'}")
    click.echo(f"only in the first {', '.join(report['only_a']) or 'none'}")
    click.echo(f"only in the second {', '.join(report['only_b']) or 'none'}")
    click.echo(f"overlap of the circuits (Jaccard) {report['overlap']:.2f}")
    click.echo(f"rank correlation over all heads   {report['rank_correlation']:.2f}")


@heads.command()
@model_options
@click.option("--heads", "heads_ref", required=True, metavar="H")
@data_option
@click.option(
    "--n",
    type=click.IntRange(min=1),
    default=300,
    show_default=True,
    help="Samples drawn from the data.",
)
@click.option(
    "--random",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="Random sets of heads.",
)
@click.option("--control", multiple=True, default=("text",), show_default=True, metavar="D")
@click.option("--no-control", is_flag=True, help="Leave out the same knock-outs on plain text.")
@click.option("--control-n", type=click.IntRange(min=1), default=100, show_default=True)
@seed_option
@runs_option
@json_option
def validate(
    model_name: str,
    device: str,
    dtype: str,
    batch_tokens: int,
    heads_ref: str,
    data: tuple[str, ...],
    control: tuple[str, ...],
    no_control: bool,
    runs_dir: Path,
    as_json: bool,
    **options: Any,
) -> None:
    """The circuit against random sets of the same layers, bottom heads and all heads."""
    from workbench.execute import ModelSource, ValidateOptions, run_validate
    from workbench.runs import find_run

    outcome = run_validate(
        place(runs_dir, quiet=as_json),
        ModelSource(model_name, device=device, dtype=dtype),
        find_run(runs_dir, heads_ref, ["heads.json"]),
        data,
        ValidateOptions(**options),
        control=() if no_control else control,
        batch_tokens=batch_tokens,
    )
    if as_json:
        print_json(result_object(outcome, validation=outcome.summary))
        return
    print_validation(outcome.summary)
    print_outcome(outcome)


def print_validation(report: Any) -> None:
    """Loss and accuracy of every knock-out, and the verdict."""
    random = report["random"]
    rows = [
        ("nothing", report["base"]["loss"], report["base"]["accuracy"]),
        ("the circuit", report["circuit"]["loss"], report["circuit"]["accuracy"]),
        (f"{report['n_random']} random sets, mean", random["mean_loss"], random["mean_accuracy"]),
        ("the bottom heads", report["bottom"]["loss"], report["bottom"]["accuracy"]),
        ("all heads", report["all"]["loss"], report["all"]["accuracy"]),
    ]
    click.echo(f"{'made uniform':<24} {'loss':>7} {'exact solutions':>16}")
    for name, loss, accuracy in rows:
        click.echo(f"{name:<24} {loss:7.3f} {accuracy:16.1%}")
    click.echo(
        f"p (share of draws at least as costly): {report['p_loss']:.3f} by loss, "
        f"{report['p_accuracy']:.3f} by exact solutions"
    )
    click.echo(report["verdict"])


def _circuit(content: Any) -> list[list[int]]:
    chosen = sorted((h for h in content["heads"] if h["selected"]), key=lambda h: h["rank"])
    return [[h["layer"], h["head"]] for h in chosen]


def _print_heads(content: Any) -> None:
    """The circuit as a table, then the map: one line a layer, a digit a head, the circuit boxed."""
    model, every = content["model"], content["heads"]
    click.echo(
        f"{model['id']}: {len(every)} heads on {content['n_samples']} samples, "
        f"loss {content['base_loss']:.3f} nats a token"
    )
    click.echo(f"{'rank':>4} {'head':>6} {'loss increase':>14} {'95 % interval':>18} {'stable':>7}")
    for head in sorted((h for h in every if h["selected"]), key=lambda h: h["rank"]):
        interval = f"{head['ci_low']:+.4f} .. {head['ci_high']:+.4f}"
        click.echo(
            f"{head['rank']:4d} {head['layer']:3d}.{head['head']:<2d} {head['delta']:+14.4f} "
            f"{interval:>18} {head.get('stability', 0):7.0%}"
        )
    click.echo("map (9 = largest increase, . = none; [ ] = circuit), head 0 on the left")
    largest = max(h["delta"] for h in every) or 1.0
    for layer in range(model["n_layers"]):
        row = sorted((h for h in every if h["layer"] == layer), key=lambda h: h["head"])
        click.echo(f"  layer {layer:2d} " + "".join(_cell(h, largest) for h in row))


def _cell(head: dict[str, Any], largest: float) -> str:
    share = max(0.0, head["delta"] / largest)
    sign = "." if share < 0.05 else str(min(9, round(9 * share)))
    return f"[{sign}]" if head["selected"] else f" {sign} "
