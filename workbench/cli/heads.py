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
    model_source,
    place,
    print_json,
    print_left_out,
    print_outcome,
    result_object,
    runs_option,
    seed_option,
)

MEASURES = {"retrieval": "retrieval score"}


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
    from workbench.execute import (
        HeadsOptions,
        ProbeOptions,
        run_heads,
        run_probe,
        run_retrieval,
    )
    from workbench.execute.explain import explain_heads, explain_retrieval
    from workbench.runs import find_run

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
            print_json(explain_retrieval(source, retrieval, batch_tokens=batch_tokens))
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
        print_json(explain_heads(source, list(data), n=n, batch_tokens=batch_tokens, **asked))
        return
    else:
        probe_path = run_probe(where, source, data, ProbeOptions(n=n, seed=seed)).result
    if explain:
        print_json(explain_heads(source, probe_path, batch_tokens=batch_tokens, **asked))
        return
    outcome = run_heads(
        where, source, probe_path, options, control=control, batch_tokens=batch_tokens
    )
    _answer(outcome, as_json=as_json)


def _answer(outcome: Any, *, as_json: bool) -> None:
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
    default=100,
    show_default=True,
    help="Samples drawn from the data; rows that the heads were found on are left out.",
)
@click.option(
    "--random",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="Random sets of heads.",
)
@click.option(
    "--decode-n",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="Samples that are also answered by greedy decoding, under every set.",
)
@click.option("--no-decode", is_flag=True, help="Judge by the loss alone.")
@click.option(
    "--max-new-tokens",
    type=click.IntRange(min=1),
    help="Of a decoded answer; default: a quarter more than the longest given or own.",
)
@click.option(
    "--curve-n",
    type=click.IntRange(min=0),
    default=40,
    show_default=True,
    help="Samples of the cumulative knock-out; 0 leaves it out.",
)
@click.option(
    "--control",
    multiple=True,
    default=("text",),
    show_default=True,
    metavar="D",
    help="Data for the same knock-outs; repeatable, each reported on its own.",
)
@click.option("--no-control", is_flag=True, help="Leave out the same knock-outs on plain text.")
@click.option("--control-n", type=click.IntRange(min=1), default=50, show_default=True)
@seed_option
@runs_option
@json_option
@explain_option
def validate(
    model_name: str,
    device: str,
    dtype: str,
    batch_tokens: int | None,
    heads_ref: str,
    data: tuple[str, ...],
    control: tuple[str, ...],
    no_control: bool,
    no_decode: bool,
    runs_dir: Path,
    as_json: bool,
    explain: bool,
    **options: Any,
) -> None:
    """The circuit against random sets of the same layers, bottom heads and all heads."""
    from workbench.execute import ValidateOptions, run_validate
    from workbench.execute.explain_validate import explain_validate
    from workbench.runs import find_run

    if no_decode:
        options["decode_n"] = 0
    source = model_source(model_name, device=device, dtype=dtype)
    heads_path = find_run(runs_dir, heads_ref, ["heads.json"])
    chosen, controls = ValidateOptions(**options), () if no_control else control
    if explain:
        print_json(
            explain_validate(
                source, heads_path, data, chosen, control=controls, batch_tokens=batch_tokens
            )
        )
        return
    outcome = run_validate(
        place(runs_dir, quiet=as_json),
        source,
        heads_path,
        data,
        chosen,
        control=controls,
        batch_tokens=batch_tokens,
    )
    if as_json:
        print_json(result_object(outcome, validation=outcome.summary))
        return
    print_validation(outcome.summary)
    click.echo(str(outcome.result.with_suffix(".html")))
    print_outcome(outcome)


def print_validation(report: Any) -> None:
    """Loss, right answers and exact solutions of every knock-out, and the verdict."""
    print_left_out(report["left_out"])
    if not report["held_out"]:
        click.echo("no rows but those that the heads were found on")
    click.echo(f"{'made uniform':<24} {'loss':>7} {'right answers':>14} {'exact solutions':>16}")
    for key, name in (
        ("base", "nothing"),
        ("circuit", "the circuit"),
        ("random", f"{report['n_random']} random sets, mean"),
        ("bottom", "the bottom heads"),
        ("all", "all heads"),
        ("only", "all but the circuit"),
    ):
        mean = "mean_" if key == "random" else ""
        loss, right, exact = (report[key][mean + m] for m in ("loss", "accuracy", "exact"))
        shown = "-" if right is None else f"{right:.1%}"
        click.echo(f"{name:<24} {loss:7.3f} {shown:>14} {exact:16.1%}")
    for control in report["controls"]:
        click.echo(
            f"on {control['data']}: loss {control['base_loss']:.3f}, circuit "
            f"{control['circuit_loss']:.3f}, random sets {control['random_mean_loss']:.3f}"
        )
    for measure, name in (("loss", "loss"), ("accuracy", "answers"), ("exact", "exact solutions")):
        if effect := report["effect"][measure]:
            click.echo(
                f"{name} lost: {effect['difference']:+.3f} more than by random sets "
                f"({effect['low']:+.3f} .. {effect['high']:+.3f}), p = {effect['p']:.3f}"
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
    measure = MEASURES.get(content["method"], "loss increase")
    if control := content.get("control"):
        click.echo(
            f"control: {control['n_samples']} samples of {', '.join(control['data'])}, "
            f"loss {control['base_loss']:.3f}; heads ranked by {content['rank_by']}"
        )
    if search := content.get("search"):
        share = search["head_samples"] / search["head_samples_exact"]
        click.echo(f"{share:.0%} of the head samples of the exact method; {search['statement']}")
    if "accuracy" in content["probe"]:
        click.echo(f"values retrieved exactly {content['probe']['accuracy']:.1%}")
    beside = f" {'on control':>11} {'contrast':>9}" if control else ""
    click.echo(f"{'rank':>4} {'head':>6} {measure:>15} {'95 % interval':>18} {'stable':>7}{beside}")
    for head in sorted((h for h in every if h["selected"]), key=lambda h: h["rank"]):
        interval = f"{head['ci_low']:+.4f} .. {head['ci_high']:+.4f}"
        beside = f" {head['control_delta']:+11.4f} {head['contrast']:+9.4f}" if control else ""
        click.echo(
            f"{head['rank']:4d} {head['layer']:3d}.{head['head']:<2d} {head['delta']:+15.4f} "
            f"{interval:>18} {head.get('stability', 0):7.0%}{beside}"
        )
    _print_map(content, "delta", measure)
    if control:
        _print_map(content, "control_delta", "loss increase on the control")
        _print_map(content, "contrast", "contrast")


def _print_map(content: Any, field: str, measure: str) -> None:
    click.echo(f"map (9 = largest {measure}, . = none; [ ] = circuit), head 0 on the left")
    largest = max(0.0, *(h[field] for h in content["heads"])) or 1.0
    for layer in range(content["model"]["n_layers"]):
        row = sorted((h for h in content["heads"] if h["layer"] == layer), key=lambda h: h["head"])
        cells = (_cell(max(0.0, h[field] / largest), selected=h["selected"]) for h in row)
        click.echo(f"  layer {layer:2d} " + "".join(cells))


def _cell(share: float, *, selected: bool) -> str:
    sign = "." if share < 0.05 else str(min(9, round(9 * share)))
    return f"[{sign}]" if selected else f" {sign} "
