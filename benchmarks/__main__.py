"""Measure, keep every finished row, and write the table.

    python -m benchmarks                    # all rows that have not been measured yet
    python -m benchmarks --again --only race screen
    python -m benchmarks --quick            # tiny shapes, to see that every row works
    python -m benchmarks --gpu              # the rows of a graphics card, into its own file

A finished row stays in results.json: interrupted and run again, the command goes on with the next.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.allocator import keep_freed_memory

HERE = Path(__file__).parent
RESULTS, ON_GPU = HERE / "results.json", HERE / "results_gpu.json"


def main() -> None:
    """Parse, measure row by row, print a line for each."""
    asked = _arguments()
    # Before torch is imported, which reads it once.
    os.environ["OMP_NUM_THREADS"] = str(asked.threads)
    keep_freed_memory()
    from benchmarks.suite import ROWS

    if asked.gpu and not _has_card():
        sys.exit("no graphics card is here, expected one that torch.cuda finds; leave out --gpu")
    unknown = sorted(set(asked.only) - set(ROWS))
    if unknown:
        sys.exit(f"unknown row '{unknown[0]}', expected one of {', '.join(ROWS)}")
    path = asked.out or _path(asked)
    results = _read(path)
    every = [name for name, row in ROWS.items() if row.on_gpu or not asked.gpu]
    for name in asked.only or every:
        if name in results and not asked.again:
            continue
        found = _measured(name, asked)
        # Another process may have added rows meanwhile.
        results = _read(path) | {name: found}
        _write(path, results)
        _say(name, results[name])
    if path in (RESULTS, ON_GPU):
        from benchmarks.table import write_table

        write_table(HERE / "README.md", _read(RESULTS), _read(ON_GPU))


def _has_card() -> bool:
    import torch

    return torch.cuda.is_available()


def _path(asked: argparse.Namespace) -> Path:
    if asked.quick:
        return asked.work / "quick.json"
    return ON_GPU if asked.gpu else RESULTS


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--runs", type=int, default=None, help="rounds of a row (5; quick: 1)")
    parser.add_argument("--only", nargs="+", default=[], metavar="ROW", help="these rows")
    parser.add_argument("--again", action="store_true", help="measure finished rows anew")
    parser.add_argument("--quick", action="store_true", help="tiny shapes, results not kept")
    parser.add_argument("--gpu", action="store_true", help="on a graphics card, by the wall clock")
    parser.add_argument("--clock", choices=["cpu", "wall"], help="of the ratios (cpu; gpu: wall)")
    parser.add_argument("--threads", type=int, default=1, help="of torch (1)")
    parser.add_argument("--work", type=Path, default=HERE / "work", help="where models are kept")
    parser.add_argument("--out", type=Path, help="another file for the results")
    return parser.parse_args()


def _measured(name: str, asked: argparse.Namespace) -> dict[str, Any]:
    from benchmarks.machine import machine
    from benchmarks.measure import Settings
    from benchmarks.suite import ROWS

    runs = asked.runs or (1 if asked.quick else 5)
    clock = asked.clock or ("wall" if asked.gpu else "cpu")
    device = "cuda" if asked.gpu else "cpu"
    settings = Settings(runs, asked.quick, clock, asked.work, asked.again, device)
    found = ROWS[name].measure(settings)
    return {
        "value": found.value,
        "why_not": found.why_not,
        "details": dict(found.details),
        "runs": runs,
        "clock": clock,
        "machine": machine(),
    }


def _say(name: str, found: Mapping[str, Any]) -> None:
    from benchmarks.suite import ROWS
    from benchmarks.table import figure

    row = ROWS[name]
    print(f"{name:18} {figure(row, found):24} target {row.target}", flush=True)


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _write(path: Path, results: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".tmp")
    part.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(path)


if __name__ == "__main__":
    main()
