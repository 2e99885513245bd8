"""A run of scores whose parts are shared out: its rows, its heads, and a part of it by hand.

path = write_rows(tmp_path / "pool.jsonl", 1300)
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 600


def write_rows(path: Path, n_rows: int) -> Path:
    """Problems with solutions of different lengths, one row broken and one too long."""
    lines = [
        json.dumps(
            {"id": f"row-{i}", "problem": f"{i} and {i * i % 89}?", "solution": "so. " * (i % 5)}
        )
        for i in range(n_rows)
    ]
    lines[n_rows // 3] = '{"problem": '
    lines[n_rows // 2] = json.dumps({"id": "long", "problem": "long " * 40, "solution": "no"})
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def start_score(*arguments: object) -> subprocess.Popen:
    """`workbench score` as a process of its own, with the threads of this one."""
    command = [sys.executable, "-m", "workbench.cli.main", "score", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=ROOT, env=environment, text=True, **pipes)


def wait_for(process: subprocess.Popen, found) -> None:
    """Until `found()` is true, or the process has ended too early."""
    deadline = time.monotonic() + PATIENCE
    while not found():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)
