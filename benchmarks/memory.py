"""Memory: a model's weights are held once, and scoring holds nothing that grows with T x T.

Each figure comes from a process of its own (`benchmarks.child`), whose peak the system tells.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from benchmarks.machine import ROOT
from benchmarks.measure import Measured, Settings
from benchmarks.shapes import large, middle


def loading(settings: Settings) -> Measured:
    """Peak memory of loading the 1.5B shape in bfloat16, in sizes of its weights on disk."""
    if not _peaks_are_told():
        return Measured(None, why_not="this system does not tell a process's peak memory")
    folder = large(settings)
    weights = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    told = _child("load", str(folder), "bfloat16")
    return Measured(
        (told["peak"] - told["before"]) / weights,
        {
            "weights_gb": weights / 1e9,
            "peak_gb": told["peak"] / 1e9,
            "libraries_gb": told["before"] / 1e9,
            "held_gb": told["loaded"] / 1e9,
            "after_release_gb": told["released"] / 1e9,
        },
    )


def flat(settings: Settings) -> Measured:
    """Peak memory of scoring a position at T = 4,096, against one at T = 1,024."""
    if not _peaks_are_told():
        return Measured(None, why_not="this system does not tell a process's peak memory")
    sizes = (64, 128) if settings.quick else (1024, 4096)
    bytes_each = {n: _child("score", str(middle(settings)), str(n))["grown"] / n for n in sizes}
    few, many = (bytes_each[n] for n in sizes)
    if few <= 0:
        return Measured(None, why_not="no growth of memory was seen at the shorter length")
    kilobytes = {str(n): round(each / 1024, 1) for n, each in bytes_each.items()}
    return Measured(many / few, {"kilobytes_a_position": kilobytes})


def _peaks_are_told() -> bool:
    return sys.platform == "linux" and os.access("/proc/self/clear_refs", os.W_OK)


def _child(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.child", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])
