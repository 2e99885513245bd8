"""Fine-tuned models and their right answers: what the studies that train have in common.

answers = Answers(study.work / "answers.json")
answers.of("random", 0, lambda: right_answers(folder, test))
report = against(answers.by_arm(), "random")
"""

from __future__ import annotations

import argparse
import json
import math
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import torch
from jaxtyping import Float64
from scipy.stats import t as student

from analyses.shared import Study
from workbench.circuits import answerable, answers_right
from workbench.data import atomic_file, is_held_out, make_problem, read_usable, write_jsonl
from workbench.engines import choose_engine
from workbench.models import load_model, load_plain
from workbench.probe import usable_samples
from workbench.stages import ModelSource, run_tune
from workbench.tuning import TuneOptions

TRAIN = Path(__file__).parent / "reference_model" / "train.py"
# Models that several studies train alike.
RELATIVES = Path(__file__).parent / "work"
SMALL = ("--layers", "3", "--d-model", "192", "--d-mlp", "384", "--look-back")
MAX_NEW_TOKENS = 280
NOISE = 0.4


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


def train_relative(folder: Path, steps: int, *flags: str) -> Path:
    """A relative of the bundled model, by the script that trained it; resumes."""
    if not (folder / "model.safetensors").exists():
        fixed = ["--schedule", "lookups-first", "--muon-lr", "0.02", "--drop-heads", "0"]
        fixed += ["--evaluate-every", "100000", "--steps", str(steps)]
        command = [sys.executable, str(TRAIN), "--out", str(folder.resolve()), *fixed, *flags]
        subprocess.run(command, check=True, cwd=TRAIN.parent)
    return folder


def small_relative(steps: int) -> Path:
    """3 layers x 8 heads, width 192: the small reference."""
    return train_relative(RELATIVES / f"small-{steps}", steps, *SMALL)


def weakened_copy(model: str, noise: float) -> Path:
    """`model` with normal noise on every matrix, `noise` times the spread of its entries.

    A target that has most of its skill to learn again and learns it in minutes: one trained from
    nothing for half an hour has not begun to solve problems, and no tenth of a pool mends that.
    """
    folder = RELATIVES / f"{Path(model).name}-weakened-{noise:g}"
    if not (folder / "model.safetensors").exists():
        weights, tokenizer = load_plain(model)
        generator = torch.Generator().manual_seed(18)
        with torch.no_grad():
            for matrix in (p for p in weights.parameters() if p.ndim == 2):
                matrix += noise * matrix.std() * torch.randn(matrix.shape, generator=generator)
        tokenizer.save_pretrained(folder)
        weights.save_pretrained(folder)
    return folder


def right_answers(folder: Path, data: str) -> list[bool]:
    """Whether the model's greedy answer is right, for each problem of `data`."""
    model = load_model(str(folder))
    samples = read_usable([data])
    problems = answerable(usable_samples(model, samples), samples, n=len(samples))
    return (
        answers_right(choose_engine(model), problems, [()], max_new_tokens=MAX_NEW_TOKENS)
        .right[0]
        .tolist()
    )


def answers_after(
    study: Study,
    target: Path,
    export: Path,
    options: argparse.Namespace,
    *,
    seed: int,
    steps: int | None = None,
) -> list[bool]:
    """Right answers of `target` after fine-tuning on an export, to `work/test.jsonl`."""
    tuning = TuneOptions(max_steps=steps or options.steps, lr=options.lr, seed=seed)
    tuned = run_tune(study.place, ModelSource(str(target)), export, tuning)
    return right_answers(tuned.run / "model", str(study.work / "test.jsonl"))


def tuning_parser(description: str | None, *, model: str) -> argparse.ArgumentParser:
    """The flags of a study that fine-tunes; `model` says what `--model` is for."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", default="math-tiny", help=model)
    parser.add_argument("--pool-n", type=int, default=6000)
    parser.add_argument("--test-n", type=int, default=240)
    parser.add_argument(
        "--noise", type=float, default=NOISE, help="by which the target is weakened"
    )
    parser.add_argument("--steps", type=int, default=100, help="optimiser steps of 8 rows")
    parser.add_argument("--lr", type=float, default=5e-4)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--work", type=Path)
    parser.add_argument("--dry", action="store_true", help="print the tables and write no results")
    return parser


class Answers:
    """Right answers by arm and seed, kept in a file as they come."""

    def __init__(self, path: Path):
        self.path = path
        self.found: dict[str, dict[str, list[bool]]] = {}
        if path.exists():
            self.found = json.loads(path.read_text(encoding="utf-8"))

    def of(self, arm: str, seed: int, work: Callable[[], list[bool]]) -> list[bool]:
        """What is kept for this arm and seed, or what `work` finds."""
        seeds = self.found.setdefault(arm, {})
        if str(seed) not in seeds:
            seeds[str(seed)] = work()
            with atomic_file(self.path) as file:
                file.write(json.dumps(self.found).encode())
            share = np.mean(seeds[str(seed)])
            print(f"{arm}, seed {seed}: {share:.1%} right", file=sys.stderr, flush=True)
        return seeds[str(seed)]

    def by_arm(self) -> dict[str, list[list[bool]]]:
        return {arm: list(seeds.values()) for arm, seeds in self.found.items()}


def against(answers: dict[str, list[list[bool]]], chance_arm: str) -> dict[str, dict[str, Any]]:
    """Accuracy of each arm, and its difference from `chance_arm` with a 95 % interval.

    Problem `i` has `1 + i % 8` steps.
    """
    chance = np.array(answers[chance_arm], dtype=float)
    report = {}
    for name, rows in answers.items():
        right = np.array(rows, dtype=float)
        difference, reach = paired_difference(right, chance)
        report[name] = {
            "accuracy": float(right.mean()),
            "by_seed": right.mean(axis=1).tolist(),
            "by_steps": [float(right[:, i::8].mean()) for i in range(8)],
            "difference": difference,
            "low": difference - reach,
            "high": difference + reach,
        }
    return report


def paired_difference(
    right: Float64[np.ndarray, "some problem"], chance: Float64[np.ndarray, "seed problem"]
) -> tuple[float, float]:
    """Difference of two arms' accuracy, and how far its 95 % interval reaches to either side.

    Both arms answer the same problems, seed by seed (an arm of one row stands beside every seed).
    The variance is that of the mean over seeds plus that over problems, which counts noise in both
    and so errs on the wide side; Student's quantile with Satterthwaite's degrees of freedom.
    """
    each = right - chance
    of_seeds, of_problems = each.mean(axis=1), each.mean(axis=0)
    parts = [values.var(ddof=1) / len(values) for values in (of_seeds, of_problems)]
    if not sum(parts):
        return float(each.mean()), 0.0
    degrees = [len(of_seeds) - 1, len(of_problems) - 1]
    freedom = sum(parts) ** 2 / sum(v**2 / d for v, d in zip(parts, degrees, strict=True))
    return float(each.mean()), float(student.ppf(0.975, freedom) * math.sqrt(sum(parts)))


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
    n_arms = len(report) - 1
    lines += ["", f"Better than random (interval above 0): {', '.join(better) or 'none'}."]
    lines += [f"Worse than random (interval below 0): {', '.join(worse) or 'none'}."]
    lines += [
        f"All others cannot be told from random with {n_seeds} seeds. Of {n_arms} comparisons, "
        f"{0.05 * n_arms:.1f} fall outside by chance alone."
    ]
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
