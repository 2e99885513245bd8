"""Passes over a hooked network that compute no more than asked: captured blocks, replay, logits.

Batches are padded on the right, where no real token looks under causal attention, so no attention
mask is needed and padding cannot change a number.

    inputs = capture(model, ids)
    residual = replay(model.hooked.blocks, inputs, from_layer=3)
    logits = position_logits(model, residual[:, -1])
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from einops import repeat
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from workbench.models.model import Model

# Positions of a pass whose blocks are all kept for its gradient: a batch as it is planned on a CPU.
MOST_KEPT = 2048


@dataclass
class BlockInputs:
    """What the blocks of a network were called with in one clean pass.

    `residuals` has the residual stream before those layers that were asked for, `others` the other
    arguments of every block, `final` the stream after the last.
    """

    residuals: dict[int, Float[Tensor, "batch pos d_model"]] = field(default_factory=dict)
    others: list[tuple[tuple, dict[str, Any]]] = field(default_factory=list)
    final: Tensor = field(default_factory=lambda: torch.empty(0))


def padded(rows: Sequence[Sequence[int]], pad_id: int) -> Int[Tensor, "batch pos"]:
    """Token ids as one tensor, padded on the right."""
    width = max(len(row) for row in rows)
    return torch.tensor([[*row, *[pad_id] * (width - len(row))] for row in rows])


@contextmanager
def kept_inputs(
    blocks: Iterable[torch.nn.Module],
    last_norm: torch.nn.Module,
    layers: Collection[int] | None = None,
) -> Iterator[BlockInputs]:
    """What the blocks are called with in the one pass inside; residuals of `layers`, or of all."""
    kept = BlockInputs()

    def keep(_module: Any, args: tuple, kwargs: dict) -> None:
        layer = len(kept.others)
        residual, rest, named = _split_residual(args, kwargs)
        if layers is None or layer in layers:
            kept.residuals[layer] = residual
        kept.others.append((rest, named))

    def keep_final(_module: Any, args: tuple) -> None:
        kept.final = args[0]

    handles = [block.register_forward_pre_hook(keep, with_kwargs=True) for block in blocks]
    handles.append(last_norm.register_forward_pre_hook(keep_final))
    try:
        yield kept
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def capture(
    model: Model, ids: Int[Tensor, "batch pos"], layers: Collection[int] | None = None
) -> BlockInputs:
    """One clean pass that keeps what each block was called with; unembeds a single position."""
    with kept_inputs(model.hooked.blocks, model.hooked.ln_final, layers) as kept:
        run(model, ids)
    return kept


def final_residual(
    model: Model, ids: Int[Tensor, "batch pos"]
) -> Float[Tensor, "batch pos d_model"]:
    """The residual stream after the last block; hooks that are set take effect."""
    return capture(model, ids, layers=()).final


def run(model: Model, ids: Int[Tensor, "batch pos"], *, layers: int | None = None) -> None:
    """A pass for what its hooks see: logits of one position, and of the first `layers` if given."""
    stop = {"stop_at_layer": layers} if layers is not None and layers < model.n_layers else {}
    with last_logits_only(model), torch.no_grad():
        model.hooked(ids.to(model.device), **stop, **model.pass_options)


def _split_residual(args: tuple, kwargs: dict) -> tuple[Tensor, tuple, dict]:
    """The residual stream apart from a block's other arguments."""
    if args and torch.is_tensor(args[0]):
        return args[0], args[1:], dict(kwargs)
    named = dict(kwargs)
    return named.pop("hidden_states"), args, named


def replay(
    blocks: Sequence[Any] | torch.nn.ModuleList,
    inputs: BlockInputs,
    *,
    from_layer: int,
    copies: int = 1,
    grad: bool = False,
    changed: Mapping[str, Any] | None = None,
) -> Float[Tensor, "copies_batch pos d_model"]:
    """Rerun the blocks from `from_layer` on, with the batch repeated `copies` times (copy-major).

    Returns the residual stream after the last block; without hooks it equals the clean pass. `grad`
    keeps what a backward pass needs, and of many positions the residual streams alone, from which
    that pass runs each block again; `changed` are named arguments in place of the captured ones.
    """
    residual = inputs.residuals[from_layer]
    n_batch = len(residual)
    residual = repeat(residual, "b ... -> (c b) ...", c=copies)
    with torch.set_grad_enabled(grad):
        for layer in range(from_layer, len(blocks)):
            rest, named = inputs.others[layer]
            if copies > 1:
                rest, named = _repeated(rest, n_batch, copies), _repeated(named, n_batch, copies)
            block = partial(_after, blocks[layer], rest, {**named, **(changed or {})})
            is_again = residual.requires_grad and residual.shape[:2].numel() > MOST_KEPT
            residual = _recomputed(block, residual) if is_again else block(residual)
    return residual


def _after(block: Any, rest: tuple, named: Mapping[str, Any], residual: Tensor) -> Tensor:
    out = block(residual, *rest, **named)
    return out[0] if isinstance(out, tuple) else out


def _recomputed(block: Callable[[Tensor], Tensor], residual: Tensor) -> Tensor:
    """The same, run again for its gradient: nothing random is in it."""
    return checkpoint(block, residual, use_reentrant=False, preserve_rng_state=False)


def _repeated(value: Any, n_batch: int, copies: int) -> Any:
    """`value` with every tensor that has one row a sample repeated; nested containers too."""
    if torch.is_tensor(value):
        has_rows = value.ndim > 0 and value.shape[0] == n_batch and n_batch > 1
        return repeat(value, "b ... -> (c b) ...", c=copies) if has_rows else value
    if isinstance(value, tuple | list):
        return type(value)(_repeated(item, n_batch, copies) for item in value)
    if isinstance(value, dict):
        return {key: _repeated(item, n_batch, copies) for key, item in value.items()}
    return value


@torch.no_grad()
@contextmanager
def last_logits_only(model: Model) -> Iterator[None]:
    """Unembed the last position alone: logits of a whole text would be the largest tensor."""

    def last_position(_module: Any, args: tuple) -> tuple:
        # In one piece: PyTorch would copy the weights for each row of a batch that is not.
        return (args[0][:, -1:].contiguous(), *args[1:])

    handle = model.hooked.unembed.register_forward_pre_hook(last_position)
    try:
        yield
    finally:
        handle.remove()


def position_logits(
    model: Model, residual: Float[Tensor, "pos d_model"]
) -> Float[Tensor, "pos vocab"]:
    """Final norm, unembedding, scale and soft-cap of single positions, in float32.

    Differentiable where `residual` is.
    """
    with torch.set_grad_enabled(residual.requires_grad):
        normed = model.hooked.ln_final(residual[None])
        return model.finished(model.hooked.unembed(normed)[0])


@contextmanager
def hooks(model: Model, fwd_hooks: list) -> Iterator[None]:
    """TransformerLens hooks for the duration of the block; the model is itself again after it."""
    with model.hooked.hooks(fwd_hooks=fwd_hooks), torch.no_grad():
        yield
