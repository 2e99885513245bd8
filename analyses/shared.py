"""What the studies share: rows drawn by chance, runs kept between attempts, tables in the README.

study = Study.at(__file__, work=None)
study.place, study.drawn("gsm8k", 200), study.figure(figure, "scores")
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go

from workbench.allocator import keep_freed_memory
from workbench.data import read_usable, write_jsonl
from workbench.stages import Place

# Flags of studies that change nothing of what was found before.
NO_RESULT = ("work", "dry", "trial")
MARKS = ("<!-- tables -->", "<!-- end of tables -->")
STUDIES_DATA = Path(__file__).resolve().parents[1] / "data" / "pools" / "studies"


@dataclass(frozen=True)
class Study:
    """A folder of `analyses`; its runs lie in `work`, so that running it again resumes."""

    folder: Path
    work: Path

    @classmethod
    def at(cls, file: str, *, work: Path | None = None) -> Study:
        folder = Path(file).resolve().parent
        keep_freed_memory()
        study = cls(folder, work or folder / "work")
        study.work.mkdir(parents=True, exist_ok=True)
        return study

    def asked(self, options: argparse.Namespace) -> None:
        """End here if `work` holds what was found with other options."""
        said = {k: v for k, v in sorted(vars(options).items()) if k not in NO_RESULT}
        path = self.work / "options.json"
        if path.exists() and (before := json.loads(path.read_text(encoding="utf-8"))) != said:
            changed = ", ".join(k for k in said | before if said.get(k) != before.get(k))
            sys.exit(f"{self.work} was begun with another {changed}: pass --work NEW, or remove it")
        path.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")

    @property
    def place(self) -> Place:
        return Place(self.work / "runs", say)

    def drawn(self, source: str, n: int | None, *, seed: int = 0) -> str:
        """The source itself, or a file with `n` of its rows, drawn by chance."""
        if n is None:
            return source
        samples = read_usable([source])
        order = np.random.default_rng(seed).permutation(len(samples))[:n]
        stem = Path(source).name.partition(".")[0]
        path = self.work / f"{stem}-{n}-seed{seed}.jsonl"
        write_jsonl(path, (dict(samples[i].row) for i in sorted(order.tolist())))
        return str(path)

    def report(self, report: dict[str, Any], text: str, *, name: str) -> None:
        """`results/NAME.json`, and `text` into the README between its marks."""
        results = self.folder / "results"
        results.mkdir(exist_ok=True)
        content = json.dumps(report, indent=1, sort_keys=True) + "\n"
        (results / f"{name}.json").write_text(content, encoding="utf-8")
        readme = self.folder / "README.md"
        before, rest = readme.read_text(encoding="utf-8").split(MARKS[0])
        after = rest.split(MARKS[1])[1]
        filled = f"{before}{MARKS[0]}\n{text}{MARKS[1]}{after}"
        readme.write_text(filled, encoding="utf-8")

    def figure(self, figure: go.Figure, name: str, *, width: int = 900) -> None:
        """`results/NAME.png`."""
        results = self.folder / "results"
        results.mkdir(exist_ok=True)
        figure.write_image(results / f"{name}.png", width=width)


def say(done: int, total: int, text: str) -> None:
    """Progress of a stage: one line when it is done."""
    if done == total:
        print(f"{text}: {total}", file=sys.stderr)


def number(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:+.{digits}f}"


def timed(command: list[str]) -> dict[str, float]:
    """What the command took: seconds by the clock and of processors, peak memory in GB."""
    workbench = [sys.executable, "-c", "from workbench.cli.main import main; main()"]
    print("$ workbench " + " ".join(command), flush=True)
    began = time.perf_counter()
    process = subprocess.Popen([*workbench, *command])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"this command failed: {' '.join(command)}")
    return {
        "seconds": time.perf_counter() - began,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_gb": usage.ru_maxrss * 1024 / 1e9,
    }


def step_table(steps: dict[str, dict[str, float]]) -> str:
    lines = ["| step | seconds | of processors | peak memory |", "|---|--:|--:|--:|"]
    for name, took in steps.items():
        cells = f"{took['seconds']:.0f} | {took['cpu_seconds']:.0f} | {took['peak_gb']:.1f} GB"
        lines.append(f"| {name} | {cells} |")
    return "\n".join(lines) + "\n"
