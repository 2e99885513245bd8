"""Memory that does not suffice: errors as they really come, and networks that raise them.

with room_for(model, 96, refused_by_the_system): ...
"""

from __future__ import annotations

from contextlib import contextmanager

import torch


def refused_by_the_system():
    """The error of the CPU's allocator, from an allocation that no machine can grant."""
    torch.empty(2**60, dtype=torch.uint8)


def refused_by_the_device():
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


@contextmanager
def room_for(model, n_positions, refuse):
    """Both networks refuse passes over more positions, where a real one would run out of memory."""

    def check(_module, args, kwargs):
        residual = args[0] if args else kwargs["hidden_states"]
        if residual.shape[0] * residual.shape[1] > n_positions:
            refuse()

    layers = [*model.hooked.blocks, *model.plain.base_model.layers]
    handles = [layer.register_forward_pre_hook(check, with_kwargs=True) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
