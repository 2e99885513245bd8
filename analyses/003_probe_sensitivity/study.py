"""How much does the circuit depend on the probe: its size, how it is chosen, and its domain?

    python -m analyses.003_probe_sensitivity.study

Finds circuits on probes of several sizes, strategies and domains, compares the rankings, and makes
each domain's circuit uniform on every other domain. Writes `results/` and the README's tables.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go

from analyses.shared import STUDIES_DATA, Study, number
from workbench.execute import (
    HeadsOptions,
    ModelSource,
    ProbeOptions,
    ValidateOptions,
    run_heads,
    run_probe,
    run_validate,
)
from workbench.scoring import spearman

DOMAINS = {
    "generated": "generated",
    "gsm8k": "gsm8k",
    "math": "math",
    "logic": str(STUDIES_DATA / "prontoqa.jsonl.gz"),
    "code": str(STUDIES_DATA / "humaneval.jsonl.gz"),
    "text": "text",
}
STRATEGIES = ("highest-loss", "random", "stratified")
SIZES = (30, 100, 300, 1000)


def deltas_of(
    study: Study, source: ModelSource, data: str, options: ProbeOptions
) -> tuple[Path, dict[str, Any]]:
    """`heads.json` of a probe, and its deltas (layer by layer), circuit and share of the loss."""
    probe = run_probe(study.place, source, [data], options)
    found = run_heads(study.place, source, probe.result, HeadsOptions(min_heads=3))
    heads = sorted(found.summary["heads"], key=lambda h: (h["layer"], h["head"]))
    chosen = sorted((h for h in heads if h["selected"]), key=lambda h: h["rank"])
    return found.result, {
        "deltas": [h["delta"] for h in heads],
        "circuit": [f"{h['layer']}.{h['head']}" for h in chosen],
        "n": probe.summary["n"],
    }


def likeness(a: dict[str, Any], b: dict[str, Any]) -> dict[str, float | None]:
    """Overlap of two circuits (Jaccard) and rank correlation of all heads."""
    one, other = set(a["circuit"]), set(b["circuit"])
    return {
        "overlap": len(one & other) / len(one | other),
        "rank": spearman(a["deltas"], b["deltas"]),
    }


def by_size(
    study: Study, source: ModelSource, options: argparse.Namespace
) -> dict[str, dict[str, Any]]:
    """Probes of `generated`: every strategy at every size; the largest random one twice."""
    found = {}
    for strategy in STRATEGIES:
        for n in options.sizes:
            asked = ProbeOptions(n=n, strategy=strategy)
            found[f"{strategy} {n}"] = deltas_of(study, source, "generated", asked)[1]
    other = ProbeOptions(n=max(options.sizes), strategy="random", seed=1)
    found["random, other seed"] = deltas_of(study, source, "generated", other)[1]
    return found


def by_domain(
    study: Study, source: ModelSource, options: argparse.Namespace
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """A random probe of each domain, and the loss that each circuit adds on each domain."""
    found, effects = {}, {}
    paths = {}
    for name, data in DOMAINS.items():
        asked = ProbeOptions(n=options.domain_n, strategy="random")
        paths[name], found[name] = deltas_of(study, source, data, asked)
    for name, heads in paths.items():
        effects[name] = {}
        for domain, data in DOMAINS.items():
            asked = ValidateOptions(n=options.effect_n, random=20, decode_n=0, curve_n=0)
            report = run_validate(study.place, source, heads, [data], asked, control=()).summary
            effects[name][domain] = {
                "base": report["base"]["loss"],
                "n": report["n_samples"],
                **report["effect"]["loss"],
            }
    return found, effects


def tables(report: dict[str, Any]) -> str:
    sizes, domains = report["sizes"], report["domains"]
    lines = ["**Size and strategy** (problems of `generated`), against 1,000 random ones:", ""]
    lines += ["| probe | circuit | overlap | rank correlation |", "|---|---|--:|--:|"]
    for name, found in sizes.items():
        like = likeness(found, sizes[report["reference"]])
        circuit, overlap = ", ".join(found["circuit"]), like["overlap"]
        lines.append(f"| {name} | {circuit} | {overlap:.2f} | {number(like['rank'])} |")
    lines += [
        "",
        "**Domain**: circuits of random probes; overlap and rank correlation of each two:",
    ]
    lines += ["", "| probe | n | circuit | " + " | ".join(domains) + " |"]
    lines.append("|---|--:|---|" + "--:|" * len(domains))
    for name, found in domains.items():
        likes = [likeness(found, other) for other in domains.values()]
        cells = [f"{like['overlap']:.2f} ({number(like['rank'])})" for like in likes]
        circuit = ", ".join(found["circuit"])
        lines.append(f"| {name} | {found['n']} | {circuit} | " + " | ".join(cells) + " |")
    lines += ["", "**Effect**: loss added by a domain's circuit on another domain, in per cent of"]
    lines += ["the loss there; behind it the ratio to random heads of the same layers:", ""]
    lines += ["| circuit of | " + " | ".join(f"on {name}" for name in domains) + " |"]
    lines.append("|---|" + "--:|" * len(domains))
    for name, row in report["effects"].items():
        cells = []
        for effect in row.values():
            ratio = "" if effect["ratio"] is None else f" ({effect['ratio']:.1f}x)"
            cells.append(f"{effect['cost'] / effect['base']:+.0%}{ratio}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def plot(report: dict[str, Any]) -> go.Figure:
    """Rank correlation of the probes of every domain and of every size and strategy."""
    every = report["sizes"] | {f"domain {name}": d for name, d in report["domains"].items()}
    names = list(every)
    values = np.array(
        [[spearman(a["deltas"], b["deltas"]) for b in every.values()] for a in every.values()],
        dtype=float,
    )
    figure = go.Figure(
        go.Heatmap(z=values, x=names, y=names, zmin=-1, zmax=1, colorscale="RdBu_r", zmid=0)
    )
    figure.update_layout(
        template="plotly_white",
        title="Rank correlation of all heads between probes",
        height=760,
        yaxis={"autorange": "reversed"},
    )
    return figure


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", default="math-tiny")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--domain-n", type=int, default=100)
    parser.add_argument("--effect-n", type=int, default=60)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--dry", action="store_true", help="print the tables and write no results")
    return parser.parse_args()


def main() -> None:
    options = parse()
    study = Study.at(__file__, work=options.work)
    source = ModelSource(options.model)
    report: dict[str, Any] = {"model": options.model}
    report["reference"] = f"random {max(options.sizes)}"
    report["sizes"] = by_size(study, source, options)
    report["domains"], report["effects"] = by_domain(study, source, options)
    text = tables(report)
    print(text)
    if not options.dry:
        study.report(report, text, name="probes")
        study.figure(plot(report), "probes", width=1000)


if __name__ == "__main__":
    main()
