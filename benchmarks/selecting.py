"""A selection from ten million rows of scores: the seconds of the choice, and the most memory.

    choice("soft")(settings), memory(settings)
    python -m benchmarks.selecting seconds|bytes SCORES POLICY

The choice is `workbench.selection.select` on columns that are read already; the memory is that of
the whole stage, libraries included, in a process of its own.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.child import resident
from benchmarks.machine import ROOT
from benchmarks.measure import CLOCKS, Measured, Settings
from workbench.options import SelectOptions

AT_ONCE = 50_000
VARIANTS = ("paper", "paper_no_sink", "cv2", "cv2_no_sink", "excess", "excess_no_sink")
TENTH = 0.1


def choice(policy: str) -> Callable[[Settings], Measured]:
    """Seconds of the choice of a tenth, by this policy."""

    def measure(settings: Settings) -> Measured:
        told = [_child(settings, "seconds", policy) for _ in range(settings.runs)]
        seconds = {clock: statistics.median(each[clock] for each in told) for clock in CLOCKS}
        return Measured(seconds[settings.clock], {"seconds": seconds, "rows": _n_rows(settings)})

    return measure


def memory(settings: Settings) -> Measured:
    """Gigabytes at the peak of the whole stage, policy soft."""
    told = _child(settings, "bytes", "soft")
    each = {name: told[name] / 1e9 for name in told}
    return Measured(each["peak"], {"gigabytes": each, "rows": _n_rows(settings)})


def write_scores(path: Path, n_rows: int) -> Path:
    """A made-up table as `workbench score` leaves it, written a part at a time."""
    rng = np.random.default_rng(0)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".tmp")
    with pq.ParquetWriter(aside, _part(rng, 0, 1).schema, compression="zstd") as writer:
        for start in range(0, n_rows, AT_ONCE):
            writer.write_table(_part(rng, start, min(start + AT_ONCE, n_rows)))
    return aside.rename(path)


def _part(rng: np.random.Generator, start: int, stop: int) -> pa.Table:
    n, places = stop - start, np.arange(start, stop)
    tokens, digests = rng.integers(20, 400, n).astype("int32"), rng.bytes(16 * n).hex()
    texts = {
        "row_id": [f"row-{i:08d}" for i in places],
        "source": rng.choice(["a.jsonl", "b.jsonl", "c.jsonl"], n),
        "status": np.where(places % 100 == 1, "too_short", "ok"),
        "reason": np.where(places % 100 == 1, "too short", ""),
        "row_sha256": [digests[32 * i : 32 * i + 32] for i in range(n)],
    }
    columns = {
        "row_index": places,
        "n_tokens": tokens,
        "n_tokens_row": tokens + 50,
        "score": rng.gamma(2, 1, n) / tokens,
        "score_within_length": rng.random(n),
        "n_steps": rng.integers(1, 9, n).astype("float64"),
        **{name: rng.gamma(2, 1, n) for name in VARIANTS},
    }
    large = {name: pa.array(values, pa.large_string()) for name, values in texts.items()}
    return pa.table(large | {name: pa.array(values) for name, values in columns.items()})


def _n_rows(settings: Settings) -> int:
    return 20_000 if settings.quick else 10_000_000


def _child(settings: Settings, what: str, policy: str) -> dict[str, Any]:
    path = settings.work / f"scores-{_n_rows(settings)}.parquet"
    if not path.is_file():
        write_scores(path, _n_rows(settings))
    command = [sys.executable, "-m", "benchmarks.selecting", what, str(path.resolve()), policy]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def seconds_of_choice(scores: Path, policy: str) -> dict[str, float]:
    """By each clock."""
    from workbench.selection import COLUMNS, read_ok_rows, select

    ok = read_ok_rows(scores, COLUMNS)
    began = {clock: now() for clock, now in CLOCKS.items()}
    select(ok.rows, policy=policy, fraction=TENTH, others=ok.others)
    return {clock: now() - began[clock] for clock, now in CLOCKS.items()}


def bytes_of_stage(scores: Path, policy: str) -> dict[str, int]:
    """Of the libraries, and at the peak."""
    from workbench.stages import Place, run_select

    libraries = resident("VmRSS")
    with tempfile.TemporaryDirectory(dir=scores.parent) as runs:
        run_select(Place(Path(runs)), scores, SelectOptions(policy, fraction=TENTH))
    return {"libraries": libraries, "peak": resident("VmHWM")}


MEASURES = {"seconds": seconds_of_choice, "bytes": bytes_of_stage}

if __name__ == "__main__":
    print(json.dumps(MEASURES[sys.argv[1]](Path(sys.argv[2]), sys.argv[3])))
