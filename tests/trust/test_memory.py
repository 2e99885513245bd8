"""Memory grows with the number of rows by less than a bound, and not with what the rows hold.

Two sizes are run and the difference is told as bytes a row: what Python and Arrow have allocated at
their highest. A row that is kept costs more than the bounds: its note alone has 4,000 letters.
"""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pyarrow as pa
import pytest

from workbench.options import SelectOptions
from workbench.scoring import ScoreRequest
from workbench.stages import ModelSource, Place, run_export, run_score, run_select

SMALL, LARGE = 1024, 3072
# Bytes a row; times 100,000 rows that is 150 MB, 150 MB and 100 MB.
BOUNDS = {"score": 1500, "select": 1500, "export": 1000}


def write_rows(path: Path, n_rows: int) -> Path:
    with path.open("w") as file:
        for i in range(n_rows):
            row = {"id": f"row-{i}", "problem": f"{i}+1?", "solution": "2", "note": f"{i} " * 1000}
            file.write(json.dumps(row)[:4100].rstrip('"} ') + '"}\n')
    return path


def peak_of(work) -> tuple[int, object]:
    """Bytes that were allocated at the highest, beyond those before, and what came of the work."""
    pool, default = pa.proxy_memory_pool(pa.default_memory_pool()), pa.default_memory_pool()
    pa.set_memory_pool(pool)
    tracemalloc.start()
    try:
        done = work()
        return tracemalloc.get_traced_memory()[1] + (pool.max_memory() or 0), done
    finally:
        tracemalloc.stop()
        pa.set_memory_pool(default)


def chain(folder: Path, source: ModelSource, n_rows: int) -> dict[str, int]:
    """The peak of every stage on `n_rows` rows."""
    data, place = write_rows(folder / f"{n_rows}.jsonl", n_rows), Place(folder / "runs")
    request = ScoreRequest.of("length")
    peaks = {}
    peaks["score"], scores = peak_of(lambda: run_score(place, source, [str(data)], request))
    options = SelectOptions("top", fraction=1.0)
    peaks["select"], chosen = peak_of(lambda: run_select(place, scores.result, options))
    out = folder / f"out-{n_rows}"
    peaks["export"], _ = peak_of(lambda: run_export(place, chosen.result, out))
    return peaks


@pytest.fixture(scope="module")
def slopes(checkpoint, tmp_path_factory) -> dict[str, float]:
    """Bytes a row that each stage takes more."""
    folder = tmp_path_factory.mktemp("memory")
    source = ModelSource(str(checkpoint("llama")), device="cpu")
    chain(folder, source, 16)
    small, large = chain(folder, source, SMALL), chain(folder, source, LARGE)
    return {stage: (large[stage] - small[stage]) / (LARGE - SMALL) for stage in small}


@pytest.mark.slow
@pytest.mark.parametrize("stage", BOUNDS)
def test_memory_grows_by_less_a_row_than_the_bound(slopes, stage):
    assert slopes[stage] < BOUNDS[stage], slopes


def test_a_stage_that_keeps_its_rows_would_be_seen(tmp_path):
    data = write_rows(tmp_path / "rows.jsonl", 64)
    kept, rows = peak_of(lambda: [json.loads(line) for line in data.open()])
    assert kept / len(rows) > 2 * max(BOUNDS.values())
