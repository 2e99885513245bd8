"""Do the circuits matter more than random heads of their layers, and on which problems?

    python -m analyses.circuit_or_coincidence.study

Finds three circuits of the bundled model (by loss, by contrast with plain text, by retrieval) and
validates each on generated problems, GSM8K and MATH. Writes `results/` and the README's tables.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from analyses.shared import Study
from workbench.circuits import RetrievalOptions
from workbench.stages import (
    HeadsOptions,
    ModelSource,
    Outcome,
    ProbeOptions,
    ValidateOptions,
    run_heads,
    run_probe,
    run_retrieval,
    run_validate,
)

DATA = ("generated", "gsm8k", "math")
# Problems to decode: the bundled model answers next to none of the others.
DECODED = {"generated": 60}


def circuits_of(
    study: Study, source: ModelSource, options: argparse.Namespace
) -> dict[str, Outcome]:
    """The three circuits, each of the top twentieth of all heads and at least three."""
    asked = HeadsOptions(min_heads=3)
    probe = run_probe(study.place, source, ["generated"], ProbeOptions(n=options.probe_n))
    contrast = HeadsOptions(min_heads=3, rank="contrast")
    retrieval = RetrievalOptions(n=options.retrieval_n, min_heads=3)
    return {
        "by loss": run_heads(study.place, source, probe.result, asked),
        "by contrast": run_heads(study.place, source, probe.result, contrast, control=["text"]),
        "by retrieval": run_retrieval(study.place, source, retrieval),
    }


def heads_of(circuit: Outcome) -> str:
    chosen = sorted((h for h in circuit.summary["heads"] if h["selected"]), key=lambda h: h["rank"])
    return ", ".join(f"{h['layer']}.{h['head']}" for h in chosen)


def row_of(report: dict[str, Any]) -> dict[str, Any]:
    """What the table and the plot say of one validation."""
    kept = ("n_samples", "n_decoded", "p_loss", "p_accuracy", "judged_by", "supported", "verdict")
    control = report["controls"][0]
    return {
        **{name: report[name] for name in kept},
        "loss": [report[name]["loss"] for name in ("base", "circuit", "bottom", "all")],
        "random_loss": report["random"]["loss"],
        "accuracy": [report["base"]["accuracy"], report["circuit"]["accuracy"]],
        "random_accuracy": report["random"]["mean_accuracy"],
        "effect_loss": report["effect"]["loss"],
        "text_cost": control["circuit_loss"] - control["base_loss"],
        "specificity": control["specificity"],
        "recovered": report["only"]["recovered"],
    }


def once(circuits: dict[str, Outcome]) -> dict[str, Outcome]:
    """The same circuit found twice is one circuit, under both names."""
    names: dict[str, list[str]] = {}
    for name, circuit in circuits.items():
        names.setdefault(heads_of(circuit), []).append(name)
    return {" and ".join(alike): circuits[alike[0]] for alike in names.values()}


def table(circuits: dict[str, Outcome], found: dict[str, dict[str, Any]]) -> str:
    lines = [f"- circuit {name}: heads {heads_of(circuit)}" for name, circuit in circuits.items()]
    lines += [
        "",
        "Loss in nats a token. *Special*: what the circuit costs beyond random sets here, less the",
        "same on plain text (95 % interval).",
        "",
        "| circuit | data | loss | circuit uniform | random sets | ratio | p | on text | special |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for name, rows in found.items():
        for data, row in rows.items():
            effect, special = row["effect_loss"], row["specificity"]
            ratio = "-" if effect["ratio"] is None else f"{effect['ratio']:.1f}"
            lines.append(
                f"| {name} | {data} | {row['loss'][0]:.3f} | +{effect['cost']:.3f} "
                f"| +{effect['random_cost']:.3f} | {ratio} | {effect['p']:.3f} "
                f"| {row['text_cost']:+.3f} | {special['difference']:+.3f} "
                f"({special['low']:+.3f} .. {special['high']:+.3f}) |"
            )
    lines += ["", "| circuit | answers right | circuit uniform | random sets | p |"]
    lines += ["|---|--:|--:|--:|--:|"]
    for name, rows in found.items():
        row = rows["generated"]
        base, uniform = row["accuracy"]
        lines.append(
            f"| {name} | {base:.0%} of {row['n_decoded']} | {uniform:.0%} "
            f"| {row['random_accuracy']:.0%} | {row['p_accuracy']:.3f} |"
        )
    return "\n".join(lines) + "\n"


def plot(found: dict[str, dict[str, Any]]) -> go.Figure:
    """Loss added by each circuit (diamonds) and by each of its random sets (dots)."""
    figure = go.Figure()
    for name, rows in found.items():
        for data, row in rows.items():
            label, base = f"{name.replace(' and ', '<br>and ')}<br>{data}", row["loss"][0]
            draws = [loss - base for loss in row["random_loss"]]
            figure.add_scatter(
                x=[label] * len(draws),
                y=draws,
                mode="markers",
                marker={"color": "#888888", "size": 6, "opacity": 0.5},
                showlegend=False,
            )
            figure.add_scatter(
                x=[label],
                y=[row["loss"][1] - base],
                mode="markers",
                marker={"color": "#d55e00", "size": 13, "symbol": "diamond"},
                showlegend=False,
            )
    figure.update_layout(
        template="plotly_white",
        title="Loss added by the circuit (diamond) and by random heads of its layers (dots)",
        yaxis_title="nats a token; higher: more damage",
        height=480,
    )
    return figure


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", default="math-tiny")
    parser.add_argument("--probe-n", type=int, default=100)
    parser.add_argument("--retrieval-n", type=int, default=200)
    parser.add_argument("--n", type=int, default=60, help="problems of each pool")
    parser.add_argument("--random", type=int, default=50, help="random sets")
    parser.add_argument("--work", type=Path)
    parser.add_argument("--dry", action="store_true", help="print the tables and write no results")
    return parser.parse_args()


def main() -> None:
    options = parse()
    study = Study.at(__file__, work=options.work)
    source = ModelSource(options.model)
    circuits = once(circuits_of(study, source, options))
    found: dict[str, dict[str, Any]] = {}
    for name, circuit in circuits.items():
        found[name] = {}
        for data in DATA:
            asked = ValidateOptions(
                n=options.n,
                control_n=30,
                random=options.random,
                decode_n=min(options.n, DECODED.get(data, 0)),
                curve_n=0,
            )
            outcome = run_validate(study.place, source, circuit.result, [data], asked)
            found[name][data] = row_of(dict(outcome.summary))
    text = table(circuits, found)
    print(text)
    if not options.dry:
        study.report({"model": options.model, "validations": found}, text, name="validations")
        study.figure(plot(found), "validations")


if __name__ == "__main__":
    main()
