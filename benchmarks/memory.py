"""Memory: a model's weights are held once, and scoring holds nothing that grows with T x T.

Each figure comes from a process of its own (`benchmarks.child`), whose peak the system tells.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import pairwise
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
    """Peak memory that a further position takes from T = 2,048 on, against from T = 1,024 on.

    Differences, because what the libraries hold free already serves as many positions of any text.
    """
    if not _peaks_are_told():
        return Measured(None, why_not="this system does not tell a process's peak memory")
    sizes = (64, 128, 256) if settings.quick else (1024, 2048, 4096)
    peak = {n: _child("score", str(middle(settings)), str(n))["grown"] for n in sizes}
    few, many = ((peak[n] - peak[m]) / (n - m) for m, n in pairwise(sizes))
    if few <= 0:
        return Measured(None, why_not="no growth of memory was seen at the shorter lengths")
    megabytes = {str(n): round(grown / 2**20, 1) for n, grown in peak.items()}
    return Measured(many / few, {"megabytes": megabytes})


def _peaks_are_told() -> bool:
    return sys.platform == "linux" and os.access("/proc/self/clear_refs", os.W_OK)


def _child(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.child", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])
