"""What each worker gets of a machine: threads, and GPUs.

threads_each(4, [8])  # 2
share_of_gpus(["0", "1"], 2, 1)  # ["1"]
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from workbench.errors import InputError

THREADS = "OMP_NUM_THREADS"
VISIBLE = "CUDA_VISIBLE_DEVICES"


def threads_each(n_workers: int, cores: Sequence[int]) -> int:
    """Most threads that as many workers can all have, on machines of so many cores; at least 1.

    Never more than the environment allows a process (`OMP_NUM_THREADS`).
    """
    most = min(max(cores, default=1), int(os.environ.get(THREADS) or 10**6))
    fitting = (n for n in range(most, 1, -1) if sum(of // n for of in cores) >= n_workers)
    return next(fitting, 1)


def gpus_of(n_gpus: int) -> list[str]:
    """The names of this process's GPUs, as another process must be told of them."""
    named = os.environ.get(VISIBLE)
    return named.split(",")[:n_gpus] if named else [str(i) for i in range(n_gpus)]


def share_of_gpus(
    gpus: Sequence[str], n_workers: int, number: int, *, is_spread: bool = False
) -> list[str]:
    """The GPUs of one worker: one, in turn; or several, where a model is spread over its share."""
    if not is_spread:
        return [gpus[number % len(gpus)]]
    each = len(gpus) // n_workers
    if each == 0:
        raise InputError(
            f"{n_workers} workers were asked for and a model spread over devices, and there are "
            f"{len(gpus)} GPUs",
            expected="a GPU or more for each",
            do="pass fewer --workers, or leave out --device-map",
        )
    return list(gpus[number * each : (number + 1) * each])
