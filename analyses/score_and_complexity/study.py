"""Do the scores follow how complex a problem is, or only how long it is?

    python -m analyses.score_and_complexity.study

Scores four pools with every CircuitSeer variant and the controls, and correlates each with the
pool's own measure of complexity: raw, with length held fixed, and what uniform attention alone and
the first token explain. Writes `results/` and the README's tables.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from analyses.shared import STUDIES_DATA, Study, number
from workbench.config import finite_or_none
from workbench.scoring import ScoreRequest, partial_spearman, spearman, variant_columns
from workbench.stages import (
    HeadsOptions,
    ModelSource,
    Outcome,
    ProbeOptions,
    read_scores,
    read_usable,
    run_heads,
    run_probe,
    run_score,
)

# Pool, and the columns that say how complex a row is.
POOLS = {
    "generated": ("n_steps", "difficulty"),
    "gsm8k": ("n_steps",),
    "math": ("level",),
    str(STUDIES_DATA / "cmath.jsonl.gz"): ("n_steps", "level"),
}
UNIFORM = "uniform"


def circuit(study: Study, source: ModelSource, data: str, n: int) -> Outcome:
    probe = run_probe(study.place, source, [data], ProbeOptions(n=n, trim=0.02))
    return run_heads(study.place, source, probe.result, HeadsOptions(min_heads=3))


def uniform_score(lengths: np.ndarray) -> np.ndarray:
    """The paper's score of a head that looks at all it may see alike, for each length T.

    Column `j` of that pattern has the mean `(1/T) sum of 1/i over i = j..T`; the score is the
    variance of these means over the columns. What a real head shares with it is length alone.
    """
    found = {}
    for length in np.unique(lengths):
        inverse = 1.0 / np.arange(1, int(length) + 1)
        means = np.cumsum(inverse[::-1])[::-1] / length
        found[length] = float(means.var())
    return np.array([found[length] for length in lengths])


def scores_of(study: Study, source: ModelSource, data: str, heads: Path) -> pd.DataFrame:
    """One row a problem: every score, `length` in tokens of the prompt, the labels of the pool."""
    seer = run_score(study.place, source, [data], ScoreRequest.of("circuitseer"), heads_path=heads)
    frame = read_scores(seer.result).set_index("row_id")
    names = [*variant_columns(), "score_within_length"]
    found = pd.DataFrame(frame.loc[frame["status"] == "ok", names], dtype="float64")
    found["length"] = frame["n_tokens"].reindex(found.index).astype("float64")
    found[UNIFORM] = uniform_score(found["length"].to_numpy())
    for method in ("loss", "random"):
        outcome = run_score(study.place, source, [data], ScoreRequest.of(method))
        other = read_scores(outcome.result).set_index("row_id")
        usable = other.loc[other["status"] == "ok", "score"].astype("float64")
        if len(usable):
            found[method] = usable.reindex(found.index)
    labels = pd.DataFrame(
        [
            {"row_id": sample.row_id, **{name: sample.row.get(name) for name in POOLS[data]}}
            for sample in read_usable([data])
        ]
    ).set_index("row_id")
    return found.join(labels)


def correlations(frame: pd.DataFrame, labels: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """For each score: with length, with the uniform head, and with each label raw and held."""
    report = {}
    for name in [column for column in frame if column not in labels]:
        row: dict[str, Any] = {"length": finite_or_none(spearman(frame[name], frame["length"]))}
        row[UNIFORM] = finite_or_none(spearman(frame[name], frame[UNIFORM]))
        for label in labels:
            row[label] = finite_or_none(spearman(frame[name], frame[label]))
            held = partial_spearman(frame[name], frame[label], frame["length"])
            row[f"{label}|length"] = finite_or_none(held) if name != "length" else None
        report[name] = row
    return report


def table(pool: str, n: int, report: dict[str, dict[str, Any]]) -> str:
    columns = list(next(iter(report.values())))
    said = {"length": "length", UNIFORM: "uniform head"}
    titles = [said.get(c, c.replace("|length", ", length fixed")) for c in columns]
    lines = [f"**{pool}**, {n} rows: Spearman's rank correlation of each score with", ""]
    lines.append("| score | " + " | ".join(titles) + " |")
    lines.append("|---|" + "--:|" * len(columns))
    for name, row in report.items():
        cells = [number(row[column]) for column in columns]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def plot(report: dict[str, Any]) -> go.Figure:
    """For the first label of each pool: raw correlation against that with length held fixed."""
    figure = go.Figure()
    colors = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
    for color, (pool, found) in zip(colors, report.items(), strict=True):
        label = found["labels"][0]
        scores = [name for name in found["scores"] if name not in ("length", UNIFORM)]
        rows = [found["scores"][name] for name in scores]
        figure.add_scatter(
            x=[row[label] for row in rows],
            y=[row[f"{label}|length"] for row in rows],
            text=scores,
            mode="markers",
            marker={"color": color, "size": 10},
            name=f"{pool}: {label}",
        )
    figure.update_layout(
        template="plotly_white",
        title="Each score against complexity: what is left once length is held fixed",
        xaxis={"title": "Spearman, raw", "range": [-1, 1]},
        yaxis={"title": "Spearman, length held fixed", "range": [-1, 1]},
        height=560,
    )
    return figure


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", default="math-tiny")
    parser.add_argument("--probe-n", type=int, default=100)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--dry", action="store_true", help="print the tables and write no results")
    return parser.parse_args()


def main() -> None:
    options = parse()
    study = Study.at(__file__, work=options.work)
    source = ModelSource(options.model)
    heads = circuit(study, source, "generated", options.probe_n)
    report: dict[str, Any] = {}
    parts = []
    for data, labels in POOLS.items():
        pool = Path(data).name.partition(".")[0]
        frame = scores_of(study, source, data, heads.result)
        found = correlations(frame, labels)
        report[pool] = {"n": len(frame), "labels": list(labels), "scores": found}
        parts.append(table(pool, len(frame), found))
    text = "\n\n".join(parts) + "\n"
    print(text)
    if not options.dry:
        study.report({"model": options.model, "pools": report}, text, name="correlations")
        study.figure(plot(report), "correlations")


if __name__ == "__main__":
    main()
