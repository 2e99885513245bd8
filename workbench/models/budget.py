"""How many tokens a batch may have, from the memory that is free.

    tokens = batch_tokens(model)

A first guess, on the safe side; what does not fit after all is halved (`workbench.models.memory`).
"""

from __future__ import annotations

import torch

from workbench.models.free_memory import free_host_bytes
from workbench.models.model import Model

# Larger batches only leave a CPU's cache, and have nothing more to give a GPU.
MOST_CPU, MOST_GPU = 2048, 2**15
LEAST = 128
# The share of free memory that a batch is planned for; allocators leave gaps.
SHARE = 0.5
# Tensors of a feed-forward layer and of a layer's pattern that are alive at once.
N_WIDE, N_PATTERNS = 3, 4
LONGEST = 2048


def batch_tokens(model: Model) -> int:
    """A power of two of positions, padding included, whose passes fit the free memory."""
    free = free_bytes(model.device)
    tokens = MOST_CPU if model.device.type == "cpu" else MOST_GPU
    while free is not None and tokens > LEAST and tokens * position_bytes(model) > SHARE * free:
        tokens //= 2
    return tokens


def position_bytes(model: Model) -> int:
    """Memory of one position of a batch: every block's input, and the widest layer's tensors."""
    config = model.hooked.cfg
    d_mlp = getattr(config, "d_mlp", None) or 4 * config.d_model
    values = (model.n_layers + 4) * config.d_model + N_WIDE * d_mlp
    if model.fused is None:
        values += N_PATTERNS * model.n_heads * min(model.n_ctx, LONGEST)
    return values * config.dtype.itemsize


def free_bytes(device: torch.device) -> int | None:
    """What may still be allocated on the device; None where the system does not tell."""
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + unused
    if device.type != "cpu":
        return None
    return free_host_bytes()
