"""Do the scores agree with one another, and with how many steps a problem really takes?

    python -m analyses.scores_compared.study

Finds both circuits (costliest heads, retrieval heads), scores every pool with every method, and
writes `results/comparison.json` and the tables in this folder's README. Running it again resumes.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pandas as pd

from analyses.shared import Study, number
from workbench.circuits import RetrievalOptions
from workbench.config import finite_or_none
from workbench.scoring import ScoreRequest, partial_spearman, spearman, variant_columns
from workbench.stages import (
    HeadsOptions,
    ModelSource,
    Outcome,
    Place,
    ProbeOptions,
    read_scores,
    run_heads,
    run_probe,
    run_retrieval,
    run_score,
)

# Method, and the circuit that it reads.
METHODS = {
    "circuitseer": "costliest",
    "attention-influence": "retrieval",
    "air": "retrieval",
    "loss": None,
    "ifd": None,
}
NAMES = {
    "paper": "CS paper",
    "paper_no_sink": "CS paper, no sink",
    "cv2": "CS cv2",
    "cv2_no_sink": "CS cv2, no sink",
    "excess": "CS excess",
    "excess_no_sink": "CS excess, no sink",
    "attention-influence": "AttentionInfluence",
    "air": "AIR",
    "loss": "loss",
    "ifd": "IFD",
    "length": "length",
    "n_steps": "true steps",
}


def find_circuits(
    study: Study, source: ModelSource, options: argparse.Namespace
) -> dict[str, Outcome]:
    """The heads that the solutions of the first pool need most, and those that copy by key."""
    place, pool = study.place, study.drawn(options.pools[0], options.n)
    probe = run_probe(place, source, [pool], ProbeOptions(n=options.probe_n, trim=0.02))
    asked = HeadsOptions(min_heads=options.min_heads)
    retrieval = RetrievalOptions(
        n=options.retrieval_n,
        n_shots=options.shots,
        key_length=options.key_length,
        min_heads=options.min_heads,
    )
    return {
        "costliest": run_heads(place, source, probe.result, asked),
        "retrieval": run_retrieval(place, source, retrieval),
    }


def scores_of(
    place: Place, source: ModelSource, data: str, circuits: dict[str, Outcome]
) -> pd.DataFrame:
    """One column a score, `n_steps` and `length` (tokens of the row), rows that all could score."""
    found = pd.DataFrame()
    for method, circuit in METHODS.items():
        heads_path = circuits[circuit].result if circuit else None
        outcome = run_score(place, source, [data], ScoreRequest.of(method), heads_path=heads_path)
        frame = read_scores(outcome.result).query("status == 'ok'").set_index("row_id")
        found = found.reindex(found.index.union(frame.index, sort=False))
        for name in variant_columns() if method == "circuitseer" else [method]:
            found[name] = frame[name if method == "circuitseer" else "score"]
        if method == "loss":
            # Rows of which the whole fits the model.
            found["length"], found["n_steps"] = frame["n_tokens_row"], frame["n_steps"]
    wanted = [name for name in NAMES if name != "n_steps" or len(found[name].dropna())]
    return pd.DataFrame(found, columns=wanted).dropna().astype("float64")


def correlations(frame: pd.DataFrame) -> dict[str, dict[str, dict[str, float | None]]]:
    """Spearman of every pair of columns: raw, and with length held fixed."""
    raw, held = {}, {}
    for a in frame:
        raw[a] = {b: finite_or_none(spearman(frame[a], frame[b])) for b in frame}
        if a != "length":
            held[a] = {
                b: finite_or_none(partial_spearman(frame[a], frame[b], frame["length"]))
                for b in frame
                if b not in ("length", a)
            }
    return {"raw": raw, "length held fixed": held}


def table(pool: str, n_rows: int, report: dict[str, Any]) -> str:
    """Both correlations of a pool in one table: raw above the diagonal, length fixed below it."""
    raw, held = report["raw"], report["length held fixed"]
    names = list(raw)
    lines = [
        f"**{pool}**, {n_rows} rows. Above the diagonal: Spearman; below: with length held fixed.",
        "",
        "| | " + " | ".join(NAMES[name] for name in names) + " |",
        "|---|" + "--:|" * len(names),
    ]
    for i, a in enumerate(names):
        cells = [
            "" if i == j else number(raw[a][b] if j > i else held.get(a, {}).get(b))
            for j, b in enumerate(names)
        ]
        lines.append(f"| {NAMES[a]} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def heads_lines(circuits: dict[str, Outcome]) -> list[str]:
    """Which heads were read, in words."""
    lines = []
    for name, outcome in circuits.items():
        heads = sorted(outcome.summary["heads"], key=lambda h: h["rank"])
        chosen = ", ".join(
            f"{h['layer']}.{h['head']} ({h['delta']:.3f})" for h in heads if h["selected"]
        )
        lines.append(f"- {name} heads: {chosen}")
    probe = circuits["retrieval"].summary["probe"]
    lines.append(f"- values retrieved exactly: {probe['accuracy']:.1%} of {probe['n']}")
    return lines


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", default="math-tiny")
    parser.add_argument("--pools", nargs="+", default=["generated", "gsm8k"])
    parser.add_argument("--n", type=int, help="rows of each pool, drawn by chance (default: all)")
    parser.add_argument("--probe-n", type=int, default=100)
    parser.add_argument("--retrieval-n", type=int, default=200)
    parser.add_argument("--shots", type=int, default=3)
    parser.add_argument("--key-length", type=int, default=32)
    parser.add_argument("--min-heads", type=int, default=3)
    parser.add_argument("--work", type=Path, help="folder of the runs")
    parser.add_argument("--dry", action="store_true", help="print the tables and write no results")
    return parser.parse_args()


def main() -> None:
    options = parse()
    study = Study.at(__file__, work=options.work)
    source = ModelSource(options.model)
    circuits = find_circuits(study, source, options)
    report: dict[str, Any] = {"model": options.model, "pools": {}}
    parts = ["\n".join(heads_lines(circuits))]
    for pool in options.pools:
        frame = scores_of(study.place, source, study.drawn(pool, options.n), circuits)
        report["pools"][pool] = {"n": len(frame), **correlations(frame)}
        parts.append(table(pool, len(frame), report["pools"][pool]))
    report["heads"] = {
        name: [[h["layer"], h["head"], h["delta"]] for h in o.summary["heads"] if h["selected"]]
        for name, o in circuits.items()
    }
    report["retrieval"] = dict(circuits["retrieval"].summary["probe"])
    text = "\n\n".join(parts) + "\n"
    print(text)
    if not options.dry:
        study.report(report, text, name="comparison")


if __name__ == "__main__":
    main()
