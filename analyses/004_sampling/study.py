"""Does a tenth chosen by score teach a small model more than a tenth drawn by chance?

    python -m analyses.004_sampling.study

Trains a small target (same family, never having seen the pool), scores a pool with the bundled
model, fine-tunes the target on each arm's tenth with several seeds and the same number of steps,
and counts right answers to held-out problems. Everything finished is kept in `work/`.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go

from analyses.arms import ARMS, MATCHED, export_arm, export_matched
from analyses.shared import Study
from workbench.circuits import RetrievalOptions, answerable
from workbench.data import atomic_file, is_held_out, is_right, make_problem, write_jsonl
from workbench.execute import (
    HeadsOptions,
    ModelSource,
    ProbeOptions,
    read_usable,
    run_heads,
    run_probe,
    run_retrieval,
    run_score,
    run_tune,
)
from workbench.models import decode, decoded_text, load_model
from workbench.probe import usable_samples
from workbench.scoring import ScoreOptions
from workbench.tuning import TuneOptions

TRAIN = Path(__file__).resolve().parents[1] / "000_reference_model" / "train.py"
NEEDS = {"circuitseer": "costliest", "attention-influence": "retrieval", "air": "retrieval"}
TARGET = ["--layers", "3", "--heads", "8", "--d-model", "192", "--d-mlp", "384"]
TARGET += ["--drop-heads", "0", "--evaluate-every", "100000"]


def write_problems(path: Path, n: int, *, seed: int, without: set[str] = frozenset()) -> set[str]:
    """`n` problems of 1 to 8 steps that no training has read; returns their texts."""
    rng = random.Random(f"sampling {seed}")
    rows: dict[str, dict[str, Any]] = {}
    while len(rows) < n:
        problem = make_problem(rng, n_steps=1 + len(rows) % 8, n_distractors=rng.randint(0, 3))
        if is_held_out(problem.prompt) and problem.prompt not in without:
            rows[problem.prompt] = problem.to_row()
    write_jsonl(path, rows.values())
    return set(rows)


def train_target(folder: Path, steps: int) -> Path:
    """A weaker relative of the bundled model, by the same script; resumes."""
    if not (folder / "model.safetensors").exists():
        command = [sys.executable, str(TRAIN), "--out", str(folder), *TARGET]
        subprocess.run([*command, "--steps", str(steps)], check=True, cwd=TRAIN.parent)
    return folder


def scores_of(study: Study, source: ModelSource, pool: str) -> dict[tuple[str, str], Path]:
    """The scores table of every method and variant that an arm asks for."""
    probe = run_probe(study.place, source, ["generated"], ProbeOptions(n=100, trim=0.02))
    asked = HeadsOptions(min_heads=3)
    heads = {
        "costliest": run_heads(study.place, source, probe.result, asked).result,
        "retrieval": run_retrieval(study.place, source, asked, RetrievalOptions(n=200)).result,
    }
    found = {}
    for method, variant in sorted({(arm.method, arm.variant) for arm in ARMS.values()}):
        options = ScoreOptions(method, variant=variant)
        path = heads[NEEDS[method]] if method in NEEDS else None
        found[method, variant] = run_score(
            study.place, source, [pool], options, heads_path=path
        ).result
    return found


def right_answers(folder: Path, data: str) -> list[bool]:
    """Whether the model's greedy answer is right, for each problem of `data`."""
    model = load_model(str(folder))
    samples = read_usable([data])
    problems = answerable(usable_samples(model, samples), samples, n=len(samples))
    prompts = [problem.prompt for problem in problems]
    decoded = decode(model, prompts, max_new_tokens=280)
    return [
        is_right(decoded_text(model, ids), problem.reference)
        for ids, problem in zip(decoded, problems, strict=True)
    ]


def run_arms(
    study: Study, options: argparse.Namespace, target: Path, scores: dict[tuple[str, str], Path]
) -> dict[str, list[list[bool]]]:
    """Right answers of every arm and seed; `work/answers.json` keeps what is finished."""
    pool, test = str(study.work / "pool.jsonl"), str(study.work / "test.jsonl")
    kept = study.work / "answers.json"
    answers: dict[str, dict[str, list[bool]]] = (
        json.loads(kept.read_text()) if kept.exists() else {}
    )

    def keep(name: str, seed: str, right: list[bool]) -> None:
        answers.setdefault(name, {})[seed] = right
        with atomic_file(kept) as file:
            file.write(json.dumps(answers).encode())
        print(f"{name}, seed {seed}: {np.mean(right):.1%}", file=sys.stderr, flush=True)

    if "untuned" not in answers:
        keep("untuned", "0", right_answers(target, test))
    for seed in range(options.seeds):
        for name in [*ARMS, MATCHED]:
            if str(seed) in answers.get(name, {}):
                continue
            if name == MATCHED:
                export = export_matched(study, scores["circuitseer", "paper"], pool, seed=seed)
            else:
                arm = ARMS[name]
                table = scores[arm.method, arm.variant]
                export = export_arm(study, table, arm, name=name, seed=seed)
            tuning = TuneOptions(max_steps=options.steps, lr=options.lr, seed=seed)
            tuned = run_tune(study.place, ModelSource(str(target)), export, tuning)
            keep(name, str(seed), right_answers(tuned.run / "model", test))
    return {name: list(seeds.values()) for name, seeds in answers.items()}


def summary(answers: dict[str, list[list[bool]]]) -> dict[str, dict[str, Any]]:
    """Accuracy of each arm, and its difference from random with a 95 % interval.

    The interval resamples seeds and problems; the same problems are used for both arms.
    """
    rng = np.random.default_rng(0)
    chance = np.array(answers["random"], dtype=float)
    report = {}
    for name, rows in answers.items():
        right = np.array(rows, dtype=float)
        draws = []
        for _ in range(2000):
            problems = rng.integers(0, right.shape[1], right.shape[1])
            one = right[rng.integers(0, len(right), len(right))][:, problems]
            other = chance[rng.integers(0, len(chance), len(chance))][:, problems]
            draws.append(one.mean() - other.mean())
        low, high = np.percentile(draws, [2.5, 97.5])
        report[name] = {
            "accuracy": float(right.mean()),
            "by_seed": right.mean(axis=1).tolist(),
            "by_steps": [float(right[:, i::8].mean()) for i in range(8)],
            "difference": float(right.mean() - chance.mean()),
            "low": float(low),
            "high": float(high),
        }
    return report


def table(report: dict[str, dict[str, Any]], n_seeds: int) -> str:
    lines = ["| arm | right answers | seeds | against random (95 % interval) | 1-4 steps | 5-8 |"]
    lines.append("|---|--:|---|--:|--:|--:|")
    for name, row in sorted(report.items(), key=lambda item: -item[1]["accuracy"]):
        seeds = ", ".join(f"{value:.1%}" for value in row["by_seed"])
        short, long = np.mean(row["by_steps"][:4]), np.mean(row["by_steps"][4:])
        interval = f"{row['difference']:+.1%} ({row['low']:+.1%} .. {row['high']:+.1%})"
        lines.append(
            f"| {name} | {row['accuracy']:.1%} | {seeds} | {interval} | {short:.1%} | {long:.1%} |"
        )
    better = [n for n, row in report.items() if row["low"] > 0]
    worse = [n for n, row in report.items() if row["high"] < 0]
    lines += ["", f"Better than random (interval above 0): {', '.join(better) or 'none'}."]
    lines += [f"Worse than random (interval below 0): {', '.join(worse) or 'none'}."]
    lines += [f"All others cannot be told from random with {n_seeds} seeds."]
    return "\n".join(lines) + "\n"


def plot(report: dict[str, dict[str, Any]]) -> go.Figure:
    rows = sorted(report.items(), key=lambda item: item[1]["difference"])
    differences = [row["difference"] for _, row in rows]
    figure = go.Figure(
        go.Scatter(
            x=differences,
            y=[name for name, _ in rows],
            mode="markers",
            marker={"size": 11, "color": "#0072b2"},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [row["high"] - row["difference"] for _, row in rows],
                "arrayminus": [row["difference"] - row["low"] for _, row in rows],
            },
        )
    )
    figure.add_vline(x=0, line_dash="dash", line_color="#888888")
    figure.update_layout(
        template="plotly_white",
        title="Right answers after fine-tuning, against a random tenth (95 % intervals)",
        xaxis={"title": "difference in accuracy; right: better than random", "tickformat": "+.0%"},
        height=520,
    )
    return figure


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", default="math-tiny", help="the model that scores")
    parser.add_argument("--pool-n", type=int, default=6000)
    parser.add_argument("--test-n", type=int, default=240)
    parser.add_argument("--target-steps", type=int, default=700)
    parser.add_argument("--steps", type=int, default=225, help="optimiser steps of 8 rows")
    parser.add_argument("--lr", type=float, default=5e-4)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--dry", action="store_true", help="print the tables and write no results")
    return parser.parse_args()


def main() -> None:
    options = parse()
    study = Study.at(__file__, work=options.work)
    test = write_problems(study.work / "test.jsonl", options.test_n, seed=1)
    write_problems(study.work / "pool.jsonl", options.pool_n, seed=2, without=test)
    target = train_target(study.work / "target", options.target_steps)
    source = ModelSource(options.model)
    scores = scores_of(study, source, str(study.work / "pool.jsonl"))
    report = summary(run_arms(study, options, target, scores))
    text = table(report, options.seeds)
    print(text)
    if not options.dry:
        study.report({"model": options.model, "arms": report}, text, name="arms")
        study.figure(plot(report), "arms")


if __name__ == "__main__":
    main()
