"""How many tokens a batch may have, from the memory that is free.

    tokens = batch_tokens(engine)

A first guess, on the safe side; what does not fit after all is halved (`workbench.engines.memory`).
"""

from __future__ import annotations

import torch

from workbench.engines.base import Engine
from workbench.engines.free_memory import free_host_bytes

# Larger batches only leave a CPU's cache, and have nothing more to give a GPU.
MOST_CPU, MOST_GPU = 2048, 2**15
LEAST = 128
# The share of free memory that a batch is planned for; allocators leave gaps.
SHARE = 0.5


def batch_tokens(engine: Engine, *, n_sharing: int = 1) -> int:
    """A power of two of positions, padding included, whose passes fit the free memory.

    Where `n_sharing` processes run such passes at once, all of theirs fit.
    """
    device = engine.model.device
    free = free_bytes(device)
    tokens = MOST_CPU if device.type == "cpu" else MOST_GPU
    most = None if free is None else SHARE * free / n_sharing
    while most is not None and tokens > LEAST and tokens * engine.position_bytes > most:
        tokens //= 2
    return tokens


def free_bytes(device: torch.device) -> int | None:
    """What may still be allocated on the device; None where the system does not tell."""
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + unused
    if device.type != "cpu":
        return None
    return free_host_bytes()
