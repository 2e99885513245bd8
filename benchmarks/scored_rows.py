"""The most memory that `score` takes beside its passes: two sizes, and more rows by the slope.

    memory(settings)
    python -m benchmarks.scored_rows POOL

The stage is run as it is, with the bundled model, but for the scores of a part, which are made up:
passes hold what a batch holds, and would take hours.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.child import resident
from benchmarks.machine import ROOT
from benchmarks.measure import CLOCKS, Measured, Settings
from benchmarks.pools import write_pool

MODEL = "math-tiny"
FORETOLD = 10_000_000


def memory(settings: Settings) -> Measured:
    """Gigabytes at the peak of the whole stage, libraries included, at ten million rows."""
    sizes = (10_000, 20_000) if settings.quick else (1_000_000, 2_000_000)
    few, many = told = [_child(settings, n_rows) for n_rows in sizes]
    slope = (many["peak"] - few["peak"]) / (sizes[1] - sizes[0])
    return Measured(
        (many["peak"] + slope * (FORETOLD - sizes[1])) / 1e9,
        {"rows": dict(zip(map(str, sizes), told, strict=True)), "bytes_a_row": slope},
    )


def _child(settings: Settings, n_rows: int) -> dict[str, Any]:
    path = write_pool(settings.work / f"pool-{n_rows}.jsonl", n_rows)
    command = [sys.executable, "-m", "benchmarks.scored_rows", str(path.resolve())]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def bytes_of_stage(pool: Path) -> dict[str, Any]:
    """Of the libraries with the model, and at the peak; seconds by each clock."""
    from workbench.scoring import ScoreRequest
    from workbench.stages import ModelSource, Place, run_score

    source = ModelSource(MODEL)
    source.load()
    before = resident("VmRSS")
    began = {clock: now() for clock, now in CLOCKS.items()}
    with (
        tempfile.TemporaryDirectory(dir=pool.parent) as runs,
        patch("workbench.stages.score.score_shard", _made_up),
    ):
        run_score(Place(Path(runs)), source, [str(pool)], ScoreRequest.of("random"))
    seconds = {clock: now() - began[clock] for clock, now in CLOCKS.items()}
    return {"libraries_and_model": before, "peak": resident("VmHWM"), "seconds": seconds}


def _made_up(rows: Sequence[Any], *, request: Any, engine: Any, circuit: Any) -> Any:
    """What `score_shard` would find, by the hash of each id."""
    from workbench.scoring.score import ShardScores
    from workbench.scoring.tables import row_frame

    records = []
    for row in rows:
        digest = sha256(row.row_id.encode())
        number = int.from_bytes(digest.digest()[:4])
        records.append(
            {
                "row_id": row.row_id,
                "row_index": row.row_index,
                "source": row.source,
                "n_tokens": 20 + number % 400,
                "n_tokens_row": 70 + number % 400,
                "score": number / 2**32,
                "status": "ok",
                "reason": "",
                "row_sha256": digest.hexdigest()[:32],
            }
        )
    return ShardScores(row_frame(records, request.method))


if __name__ == "__main__":
    print(json.dumps(bytes_of_stage(Path(sys.argv[1]))))
