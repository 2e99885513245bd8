"""An export out of a large pool: the most memory, and how fast JSON lines are written.

    memory(settings), speed(settings)
    python -m benchmarks.exporting POOL SELECTION

The whole stage in a process of its own: the pool is read and each row checked to be what was
scored, the files are written and hashed.
"""

from __future__ import annotations

import gzip
import json
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.child import resident
from benchmarks.machine import ROOT
from benchmarks.measure import CLOCKS, Measured, Settings
from benchmarks.pools import write_pool

POOLS = ("gsm8k", "math")


def memory(settings: Settings) -> Measured:
    """Gigabytes at the peak, a tenth of ten million short rows selected."""
    n_rows = 20_000 if settings.quick else 10_000_000
    pool = write_pool(settings.work / f"pool-{n_rows}.jsonl", n_rows)
    told = _child(settings, pool, every=10)
    gigabytes = {name: told[name] / 1e9 for name in ("libraries", "peak")}
    details = {"gigabytes": gigabytes, "seconds": told["seconds"], "rows": n_rows}
    return Measured(gigabytes["peak"], details)


def speed(settings: Settings) -> Measured:
    """Megabytes of JSON lines a second, all rows of GSM8K and MATH selected, over and over."""
    n_rows = 2_000 if settings.quick else 200_000
    pool = _repeated(settings.work / f"repeated-{n_rows}.jsonl", n_rows)
    told = [_child(settings, pool, every=1) for _ in range(settings.runs)]
    each = [one["written"] / 1e6 / one["seconds"][settings.clock] for one in told]
    by_clock = {
        clock: statistics.median(one["written"] / 1e6 / one["seconds"][clock] for one in told)
        for clock in CLOCKS
    }
    copied = statistics.median(one["written"] / 1e6 / one["copied"] for one in told)
    details = {
        "lowest": min(each),
        "highest": max(each),
        "megabytes_a_second": {**by_clock, "cp, by the wall": copied},
        "of_cp_by_the_wall": by_clock["wall"] / copied,
        "rows": n_rows,
        "bytes_a_row": told[0]["written"] / n_rows,
    }
    return Measured(statistics.median(each), details)


def _repeated(path: Path, n_rows: int) -> Path:
    if path.is_file():
        return path
    files = [ROOT / "data" / "pools" / f"{name}.jsonl.gz" for name in POOLS]
    lines = [line for file in files for line in gzip.decompress(file.read_bytes()).splitlines()]
    aside = path.with_suffix(".tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    with aside.open("w", encoding="utf-8") as file:
        for i, line in enumerate(islice(cycle(lines), n_rows)):
            row = {**json.loads(line), "id": f"row-{i:08d}"}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return aside.rename(path)


def _child(settings: Settings, pool: Path, *, every: int) -> dict[str, Any]:
    selection = _selection(pool.with_name(f"{pool.stem}-{every}.parquet"), pool, every)
    paths = [str(path.resolve()) for path in (pool, selection)]
    command = [sys.executable, "-m", "benchmarks.exporting", *paths]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _selection(path: Path, pool: Path, every: int) -> Path:
    """As `workbench select` leaves it, of every so-many-th row."""
    from workbench.data import row_content

    if path.is_file():
        return path
    with pool.open("rb") as lines:
        rows = map(json.loads, islice(lines, 0, None, every))
        found = [(row["id"], row_content(row)) for row in rows]
    ids, contents = zip(*found, strict=True)
    rng, n = np.random.default_rng(0), len(ids)
    table = pa.table(
        {
            "row_id": ids,
            "row_index": np.arange(0, every * n, every),
            "score": rng.random(n),
            "p": np.full(n, 1 / n),
            "rank": rng.permutation(n) + 1,
            "row_sha256": contents,
        }
    )
    pq.write_table(table, path)
    return path


def told_of_export(pool: Path, selection: Path) -> dict[str, Any]:
    """Bytes of the libraries, at the peak and written; seconds by each clock, and of `cp`."""
    from workbench.stages import Place, run_export

    libraries = resident("VmRSS")
    with tempfile.TemporaryDirectory(dir=pool.parent) as folder:
        out = Path(folder) / "export"
        began = {clock: now() for clock, now in CLOCKS.items()}
        report = run_export(Place(Path(folder)), selection, out, data=[str(pool)])
        seconds = {clock: now() - began[clock] for clock, now in CLOCKS.items()}
        data, began_copy = out / report["data_file"], time.perf_counter()
        subprocess.run(["cp", str(data), str(Path(folder) / "copy")], check=True)
        copied, written = time.perf_counter() - began_copy, data.stat().st_size
    peak = resident("VmHWM")
    return {
        "libraries": libraries,
        "peak": peak,
        "written": written,
        "seconds": seconds,
        "copied": copied,
    }


if __name__ == "__main__":
    print(json.dumps(told_of_export(*map(Path, sys.argv[1:]))))
