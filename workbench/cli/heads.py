"""`workbench heads find | show | compare`; `validate` is in `workbench.cli.validate`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from workbench.cli.heads_text import circuit, print_heads
from workbench.cli.options import (
    Finite,
    explain_option,
    json_option,
    model_options,
    model_source,
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
@click.option(
    "--data",
    multiple=True,
    metavar="D",
    help="Build the default probe from this data; retrieval: where its values come from [text].",
)
@click.option(
    "--n",
    type=click.IntRange(min=1),
    help="Samples of that probe, default 300; of retrieval, default 800.",
)
@click.option(
    "--limit", type=click.IntRange(min=1), help="Most tokens of a retrieval sample, up to 4096."
)
@click.option(
    "--shots",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    help="Solved questions of a retrieval sample.",
)
@click.option(
    "--key-length",
    type=click.IntRange(min=4),
    default=32,
    show_default=True,
    help="Characters of a key.",
)
@click.option(
    "--decode", is_flag=True, help="Count only retrievals that greedy decoding gets right."
)
@click.option(
    "--method",
    type=click.Choice(["exact", "race", "screen", "retrieval"]),
    default="exact",
    show_default=True,
    help="race: drop heads on few samples; screen: race those that gradients nominate.",
)
@click.option(
    "--confidence",
    type=Finite(0, 1, min_open=True, max_open=True),
    default=0.95,
    show_default=True,
    help="That the circuit is the one of the whole probe; read by race and screen.",
)
@click.option(
    "--first",
    type=click.IntRange(min=2),
    default=8,
    show_default=True,
    help="Samples that all heads start on; read by race and screen.",
)
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
@click.option(
    "--control",
    multiple=True,
    metavar="D",
    help="Also the loss increase on this data (text, say), and the contrast with it; repeatable.",
)
@click.option(
    "--control-n",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="Samples drawn from the control data.",
)
@click.option(
    "--rank",
    type=click.Choice(["delta", "contrast"]),
    default="delta",
    show_default=True,
    help="contrast: by what the problems need more than the control data [--control text].",
)
@seed_option
@runs_option
@json_option
@explain_option
def find(
    model_name: str,
    device: str,
    dtype: str,
    batch_tokens: int | None,
    probe_ref: str | None,
    data: tuple[str, ...],
    n: int | None,
    limit: int | None,
    shots: int,
    key_length: int,
    decode: bool,
    method: str,
    confidence: float,
    first: int,
    fraction: float,
    min_heads: int,
    control: tuple[str, ...],
    control_n: int,
    rank: str,
    seed: int,
    runs_dir: Path,
    as_json: bool,
    explain: bool,
) -> None:
    """Make each head uniform in turn; the costliest become the circuit.

    `race` and `screen` find the same circuit on a fraction of the passes, with stated confidence.
    With `--method retrieval` no head is touched: those that copy a value by its key do.
    """
    from workbench.circuits import RetrievalOptions
    from workbench.errors import InputError
    from workbench.runs import find_run
    from workbench.stages import (
        HeadsOptions,
        ProbeOptions,
        plan_heads,
        plan_retrieval,
        run_heads,
        run_probe,
        run_retrieval,
    )

    source = model_source(model_name, device=device, dtype=dtype)
    where = place(runs_dir, quiet=as_json)
    if method == "retrieval":
        if probe_ref:
            raise InputError(
                f"--probe is '{probe_ref}'",
                expected="none: the method retrieval makes its own samples",
                do="leave it out",
            )
        if control or rank != "delta":
            raise InputError(
                "retrieval scores are no loss increases, so there is no contrast with a control",
                do="leave out --control and --rank, or find heads with --method exact",
            )
        retrieval = RetrievalOptions(
            n=n or 800,
            limit=limit,
            n_shots=shots,
            key_length=key_length,
            seed=seed,
            decode=decode,
        )
        if explain:
            print_json(plan_retrieval(source, retrieval, batch_tokens=batch_tokens))
            return
        outcome = run_retrieval(
            where,
            source,
            HeadsOptions(fraction=fraction, min_heads=min_heads, seed=seed, method=method),
            retrieval,
            text=data or ("text",),
            batch_tokens=batch_tokens,
        )
        _answer(outcome, as_json=as_json)
        return
    n = n or 300
    if rank == "contrast":
        control = control or ("text",)
    options = HeadsOptions(
        fraction=fraction,
        min_heads=min_heads,
        seed=seed,
        method=method,
        rank=rank,
        control_n=control_n,
        confidence=confidence,
        first=first,
    )
    asked: dict[str, Any] = {"options": options, "control": control}
    if bool(probe_ref) == bool(data):
        raise InputError("give either --probe or --data", expected="one of the two")
    if probe_ref:
        probe_path = find_run(runs_dir, probe_ref, ["probe.json"])
    elif explain:
        print_json(plan_heads(source, list(data), n=n, batch_tokens=batch_tokens, **asked))
        return
    else:
        chosen = ProbeOptions(n=n, seed=seed)
        probe_path = run_probe(where, source, data, chosen, batch_tokens=batch_tokens).result
    if explain:
        print_json(plan_heads(source, probe_path, batch_tokens=batch_tokens, **asked))
        return
    outcome = run_heads(
        where, source, probe_path, options, control=control, batch_tokens=batch_tokens
    )
    _answer(outcome, as_json=as_json)


def _answer(outcome: Any, *, as_json: bool) -> None:
    if as_json:
        print_json(result_object(outcome, circuit=circuit(outcome.summary)))
        return
    print_heads(outcome.summary)
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
    print_heads(content)
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
