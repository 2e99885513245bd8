"""Memory: a model's weights are held once, and scoring holds nothing that grows with T x T.

A model is loaded in a process of its own (`benchmarks.child`), whose peak the system tells.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import accumulate
from typing import Any

from benchmarks.machine import ROOT
from benchmarks.measure import Measured, Settings
from benchmarks.scoring import circuit
from benchmarks.shapes import large, loaded, middle, random_ids
from workbench.engines import choose_engine


def loading(settings: Settings) -> Measured:
    """Peak memory of loading the 1.5B shape in bfloat16, in sizes of its weights on disk."""
    if not _peaks_are_told():
        return Measured(None, why_not="this system does not tell a process's peak memory")
    folder = large(settings)
    weights = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    told = _child(str(folder), "bfloat16")
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
    """Peak of the bytes that tensors hold while a position is scored, at T = 4,096 and at 1,024.

    As PyTorch's allocator counts them: what the process holds besides, free memory that happens to
    lie about, makes up a tenth of its size and differs from run to run.
    """
    import torch

    engine = choose_engine(loaded(middle(settings)), "fused")
    heads, sizes = circuit(engine.model), (64, 128) if settings.quick else (1024, 4096)
    each = {}
    for n in sizes:
        ids, spans = random_ids(1, n), torch.tensor([[(0, n)]])
        each[n] = peak_bytes(lambda i=ids, s=spans: engine.columns(heads, i, s)) / n
    few, many = (each[n] for n in sizes)
    kilobytes = {str(n): round(held / 1024, 2) for n, held in each.items()}
    return Measured(many / few, {"kilobytes_a_position": kilobytes})


def peak_bytes(work: Callable[[], Any]) -> int:
    """The most that tensors made by `work` hold at once on the CPU."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        work()
    profiler: Any = seen.profiler
    told = profiler.kineto_results.events()
    changes = sorted((e.start_ns(), e.nbytes()) for e in told if e.name() == "[memory]")
    return max(accumulate(change for _, change in changes))


def _peaks_are_told() -> bool:
    return sys.platform == "linux" and os.access("/proc/self/clear_refs", os.W_OK)


def _child(*arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.child", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])
