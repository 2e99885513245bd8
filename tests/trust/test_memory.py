"""Memory by the number of rows: the slope of a stage's peak between two sizes of one pool."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workbench.scoring.within_length import score_within_length
from workbench.selection import select

# What the system counts as a child's peak has in it what its parent held when it began.
SAY_PEAK = r"""
import atexit, re, sys
from pathlib import Path
def say():
    status = Path("/proc/self/status").read_text()
    print(*re.findall(r"VmHWM:\s+(\d+)", status), file=sys.stderr)
atexit.register(say)
from workbench.cli.main import main
main()
"""
SIZES = (20_000, 100_000)
# Bytes a row of about 300 bytes: what docs/trust.md promises.
BOUNDS = {"score": 1_500, "select": 500, "export": 500}


def write_pool(path: Path, n_rows: int) -> Path:
    with path.open("w", encoding="utf-8") as file:
        for i in range(n_rows):
            row = {
                "id": f"row-{i:07d}",
                "problem": f"What is {i} and {i % 97}? " + "x " * (i % 40),
                "solution": f"It is {i + i % 97}. " + "y " * (i % 60),
            }
            file.write(json.dumps(row) + "\n")
    return path


def peak_of(*arguments: object) -> tuple[str, int]:
    """The run a command has made or found, and its peak of memory in bytes."""
    command = [sys.executable, "-c", SAY_PEAK, *map(str, arguments), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["run"], int(done.stderr.split()[-1]) * 1024


@pytest.fixture(scope="module")
def peaks(tmp_path_factory) -> dict[str, list[int]]:
    """Of each stage, at each size."""
    found: dict[str, list[int]] = {stage: [] for stage in BOUNDS}
    for n_rows in SIZES:
        folder = tmp_path_factory.mktemp("pool")
        data = write_pool(folder / "pool.jsonl", n_rows)
        place = ("--runs", folder / "runs")
        model = ("--model", "math-tiny", "--device", "cpu", "--method", "length")
        scores, peak = peak_of("score", *model, "--data", data, *place)
        found["score"].append(peak)
        how = ("--policy", "soft", "--fraction", "0.1", "--adjust", "length")
        selection, peak = peak_of("select", "--scores", scores, *how, *place)
        found["select"].append(peak)
        _, peak = peak_of("export", "--selection", selection, "--out", folder / "out", *place)
        found["export"].append(peak)
    return found


@pytest.mark.thorough
@pytest.mark.parametrize("stage", BOUNDS)
def test_a_hundred_thousand_rows_take_no_more_than_so_many_bytes_each(stage, peaks):
    few, many = peaks[stage]
    assert (many - few) / (SIZES[1] - SIZES[0]) <= BOUNDS[stage]


def test_percentiles_within_length_take_few_bytes_a_row():
    rng, n_rows = np.random.default_rng(0), SIZES[1]
    scores, lengths = rng.random(n_rows), rng.integers(20, 400, n_rows)
    row_ids = [f"row-{i}" for i in range(n_rows)]
    tracemalloc.start()
    try:
        score_within_length(scores, lengths, row_ids)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak / n_rows <= 400


@pytest.mark.parametrize("policy", ["soft", "top", "random"])
def test_a_choice_takes_few_bytes_a_row(policy):
    rng, n_rows = np.random.default_rng(0), SIZES[1]
    columns = {"score": rng.random(n_rows), "row_index": np.arange(n_rows)}
    few = {"source": pd.Categorical(["a"] * n_rows), "status": pd.Categorical(["ok"] * n_rows)}
    scores = pd.DataFrame(columns | few | {"row_id": [f"row-{i}" for i in range(n_rows)]})
    scores["n_tokens"] = rng.integers(20, 400, n_rows)
    tracemalloc.start()
    try:
        select(scores, policy=policy, fraction=0.1)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak / n_rows <= 180
