"""How much does the circuit depend on the probe: its size, how it is chosen, and its domain?

    python -m analyses.probe_sensitivity.study

Finds circuits on probes of several sizes, strategies and domains, compares the rankings, and makes
each domain's circuit uniform on every other domain. Writes `results/` and the README's tables.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
from jaxtyping import Float64

from analyses.shared import STUDIES_DATA, Study, number
from workbench.circuits import Importance, n_selected
from workbench.data import read_usable, write_jsonl
from workbench.scoring import spearman
from workbench.stages import (
    HeadsOptions,
    ModelSource,
    ProbeOptions,
    ValidateOptions,
    read_importance,
    run_heads,
    run_probe,
    run_validate,
)

DOMAINS = {
    "generated": "generated",
    "gsm8k": "gsm8k",
    "math": "math",
    "logic": str(STUDIES_DATA / "prontoqa.jsonl.gz"),
    "code": str(STUDIES_DATA / "humaneval.jsonl.gz"),
    "text": "text",
}
SIZES = (30, 100, 300)
N_DRAWS = 20
# 1 to 8 steps in equal parts.
STEPS = "n_steps"


def heads_of(
    study: Study, source: ModelSource, data: str, options: ProbeOptions
) -> tuple[Path, Importance]:
    """`heads.json` of a probe, and every head's delta on each of its rows."""
    probe = run_probe(study.place, source, [data], options)
    found = run_heads(study.place, source, probe.result, HeadsOptions(min_heads=3))
    importance = read_importance(found.run)[0]
    assert importance is not None
    return found.result, importance


def summary_of(deltas: Float64[np.ndarray, "sample layer head"]) -> dict[str, Any]:
    """The mean delta of every head, and the circuit: the top twentieth, at least three."""
    means = deltas.mean(axis=0)
    n_heads = means.shape[1]
    order = np.argsort(-means.ravel(), kind="stable")
    n_top = n_selected(means.size, 0.05, min_heads=3)
    return {
        "n": len(deltas),
        "deltas": means.ravel().tolist(),
        "circuit": [f"{i // n_heads}.{i % n_heads}" for i in order[:n_top]],
    }


def likeness(a: dict[str, Any], b: dict[str, Any]) -> dict[str, float | None]:
    """Overlap of two circuits (Jaccard) and rank correlation of all heads."""
    one, other = set(a["circuit"]), set(b["circuit"])
    return {
        "overlap": len(one & other) / len(one | other),
        "rank": spearman(a["deltas"], b["deltas"]),
    }


def halves(study: Study) -> tuple[str, str, dict[str, Any]]:
    """Two files with the rows of `generated`, half each by chance, and every row's step count."""
    samples = read_usable(["generated"])
    order = np.random.default_rng(0).permutation(len(samples)).tolist()
    paths = []
    for name, rows in zip("ab", (order[::2], order[1::2]), strict=True):
        path = study.work / f"generated-{name}.jsonl"
        write_jsonl(path, (dict(samples[i].row) for i in sorted(rows)))
        paths.append(str(path))
    return paths[0], paths[1], {s.row_id: s.row[STEPS] for s in samples}


def rows_of(
    strategy: str, importance: Importance, steps: list[Any], *, n: int, seed: int
) -> list[int]:
    """The rows that a probe of this strategy takes, as `workbench probe build` chooses them."""
    if strategy == "highest-loss":
        return np.argsort(-importance.base_loss, kind="stable")[:n].tolist()
    order = np.random.default_rng(seed).permutation(len(steps)).tolist()
    if strategy == "random":
        return order[:n]
    met: Counter[Any] = Counter()
    place = {}
    for i in order:
        place[i] = met[steps[i]]
        met[steps[i]] += 1
    return sorted(order, key=lambda i: (place[i], steps[i]))[:n]


def by_size(study: Study, source: ModelSource, options: argparse.Namespace) -> dict[str, Any]:
    """Probes from one half of `generated` against the whole of the other half.

    Deltas are measured once a row; a probe of some rows is the mean over them.
    """
    first, second, by_row = halves(study)
    n = min(options.half_n, len(by_row) // 2)
    everything = ProbeOptions(n=n, strategy="random")
    reference = summary_of(heads_of(study, source, first, everything)[1].deltas)
    _, pool = heads_of(study, source, second, everything)
    steps = [by_row[row] for row in pool.row_ids]
    found = {f"the other half, all {n}": [summary_of(pool.deltas)]}
    for strategy in ("highest-loss", "random", "stratified"):
        for size in options.sizes:
            n_draws = 1 if strategy == "highest-loss" else N_DRAWS
            chosen = [rows_of(strategy, pool, steps, n=size, seed=s) for s in range(n_draws)]
            found[f"{strategy} {size}"] = [summary_of(pool.deltas[rows]) for rows in chosen]
    return {
        "reference": reference,
        "probes": {
            name: {
                "circuit": draws[0]["circuit"],
                "deltas": draws[0]["deltas"],
                "likeness": [likeness(draw, reference) for draw in draws],
            }
            for name, draws in found.items()
        },
    }


def by_domain(
    study: Study, source: ModelSource, options: argparse.Namespace
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """A random probe of each domain, and the loss that each circuit adds on each domain."""
    found, effects = {}, {}
    paths = {}
    for name, data in DOMAINS.items():
        asked = ProbeOptions(n=options.domain_n, strategy="random")
        paths[name], importance = heads_of(study, source, data, asked)
        found[name] = summary_of(importance.deltas)
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


def ranged(values: list[Any]) -> str:
    """Mean, and the range where there are several."""
    if len(values) == 1:
        return number(values[0])
    return f"{number(np.mean(values))} ({number(min(values))} .. {number(max(values))})"


def tables(report: dict[str, Any]) -> str:
    sizes, domains = report["sizes"], report["domains"]
    reference = sizes["reference"]
    lines = [
        f"**Size and strategy**: probes from one half of `generated` against all {reference['n']} "
        f"rows of the other, whose circuit is {', '.join(reference['circuit'])}; mean and range "
        f"of {N_DRAWS} draws:",
        "",
        "| probe | circuit of the first draw | overlap | rank correlation | same circuit |",
        "|---|---|--:|--:|--:|",
    ]
    for name, found in sizes["probes"].items():
        overlaps = [like["overlap"] for like in found["likeness"]]
        ranks = [like["rank"] for like in found["likeness"]]
        same = f"{sum(o == 1 for o in overlaps)} of {len(overlaps)}"
        cells = [name, ", ".join(found["circuit"]), ranged(overlaps), ranged(ranks), same]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "**Domain**: circuits of random probes; overlap and rank correlation of each two:",
    ]
    lines += ["", "| probe | rows | circuit | " + " | ".join(domains) + " |"]
    lines.append("|---|--:|---|" + "--:|" * len(domains))
    for name, found in domains.items():
        likes = [likeness(found, other) for other in domains.values()]
        cells = [f"{like['overlap']:.2f} ({number(like['rank'])})" for like in likes]
        circuit = ", ".join(found["circuit"])
        lines.append(f"| {name} | {found['n']} | {circuit} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "**Effect**: nats a token that a domain's circuit adds on other rows of each domain,",
    ]
    lines += ["and the ratio to what random heads of the same layers add:", ""]
    first = next(iter(report["effects"].values()))
    heads = [f"on {d} ({first[d]['n']} rows, {first[d]['base']:.2f} nats)" for d in domains]
    lines.append("| circuit of | " + " | ".join(heads) + " |")
    lines.append("|---|" + "--:|" * len(domains))
    for name, row in report["effects"].items():
        cells = []
        for effect in row.values():
            ratio = "" if effect["ratio"] is None else f" ({effect['ratio']:.1f}x)"
            cells.append(f"{effect['cost']:+.3f}{ratio}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def plot(report: dict[str, Any]) -> go.Figure:
    """Rank correlation of the probes of every domain and of every size and strategy."""
    every = {"the other half": report["sizes"]["reference"], **report["sizes"]["probes"]}
    every |= {f"domain {name}": d for name, d in report["domains"].items()}
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
        title="Rank correlation of all heads between probes (first draw of each)",
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
    parser.add_argument("--half-n", type=int, default=1000, help="rows of each half")
    parser.add_argument("--domain-n", type=int, default=70)
    parser.add_argument("--effect-n", type=int, default=60)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--dry", action="store_true", help="print the tables and write no results")
    return parser.parse_args()


def main() -> None:
    options = parse()
    study = Study.at(__file__, work=options.work)
    study.asked(options)
    source = ModelSource(options.model)
    report: dict[str, Any] = {"model": options.model}
    report["sizes"] = by_size(study, source, options)
    report["domains"], report["effects"] = by_domain(study, source, options)
    text = tables(report)
    print(text)
    if not options.dry:
        study.report(report, text, name="probes")
        study.figure(plot(report), "probes", width=1000)


if __name__ == "__main__":
    main()
