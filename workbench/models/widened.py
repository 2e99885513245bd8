"""A network in float32 whatever its weights are stored in, one block at a time: the reference.

    with widened(model):
        logits = model.hooked(ids, **model.pass_options)

What rounding does to a pass is its difference from this one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

from workbench.models.model import Model


@contextmanager
def widened(model: Model) -> Iterator[None]:
    """Blocks, final norm and unembedding of the hooked and the plain network compute in float32.

    Their inputs are widened, and their weights while they run, so that no more than one block is
    there twice; afterwards every tensor is the very one it was. Embeddings and rotations keep their
    own precision: every pass over the model shares them.
    """
    with ExitStack() as stack:
        for module in _computing(model):
            state = _Wide(module)
            before = module.register_forward_pre_hook(state.widen, with_kwargs=True, prepend=True)
            after = module.register_forward_hook(state.restore, always_call=True)
            for undo in (before.remove, after.remove, state.restore):
                stack.callback(undo)
        yield


def _computing(model: Model) -> list[nn.Module]:
    """Everything behind the embeddings, in both networks."""
    hooked = model.hooked
    found = [*hooked.blocks, hooked.ln_final, hooked.unembed]
    if model.plain is not None:
        found += plain_blocks(model.plain, model.n_layers)
        found += [
            model.plain.get_submodule(hooked.ln_final.name),
            model.plain.get_output_embeddings(),
        ]
    return found


def plain_blocks(network: Any, n_layers: int) -> Sequence[nn.Module]:
    """The network's layers, wherever the architecture keeps them."""
    for module in network.base_model.modules():
        if isinstance(module, nn.ModuleList) and len(module) == n_layers:
            return list(module)
    raise LookupError("no list of layers")


class _Wide:
    """The tensors of one module, held while they are wider."""

    def __init__(self, module: nn.Module) -> None:
        self.module, self.held = module, []

    def widen(self, _module: Any, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        for tensor in (*self.module.parameters(), *self.module.buffers()):
            if tensor.is_floating_point() and tensor.dtype != torch.float32:
                self.held.append((tensor, tensor.data))
                tensor.data = tensor.data.float()
        return _float(args), _float(kwargs)

    def restore(self, *_anything: Any) -> None:
        for tensor, data in self.held:
            tensor.data = data
        self.held.clear()


def _float(value: Any) -> Any:
    """`value` with every tensor of half precision in float32; nested containers too."""
    if torch.is_tensor(value):
        return value.float() if value.is_floating_point() else value
    if isinstance(value, tuple | list):
        return type(value)(_float(item) for item in value)
    if isinstance(value, dict):
        return {key: _float(item) for key, item in value.items()}
    return value
