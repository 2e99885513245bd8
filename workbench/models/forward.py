"""Passes over the model that compute no more than asked: captured blocks, replay, counted logits.

Batches are padded on the right, where no real token looks under causal attention, so no attention
mask is needed and padding cannot change a number.

    inputs = capture(model, ids)
    residual = replay(model, inputs, from_layer=3)
    losses = token_losses(model, residual, ids, counted)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from einops import repeat
from jaxtyping import Bool, Float, Int
from torch import Tensor

from workbench.models.model import Model


@dataclass(frozen=True)
class BlockInputs:
    """Arguments of every block from one clean pass, and the residual stream after the last."""

    residuals: tuple[Float[Tensor, "batch pos d_model"], ...]
    others: tuple[tuple[tuple, dict[str, Any]], ...]
    final: Float[Tensor, "batch pos d_model"]


def padded(rows: Sequence[Sequence[int]], pad_id: int) -> Int[Tensor, "batch pos"]:
    """Token ids as one tensor, padded on the right."""
    width = max(len(row) for row in rows)
    return torch.tensor([[*row, *[pad_id] * (width - len(row))] for row in rows])


@torch.no_grad()
def capture(model: Model, ids: Int[Tensor, "batch pos"]) -> BlockInputs:
    """One clean pass that keeps what each block was called with; unembeds a single position."""
    residuals: list[Tensor] = []
    others: list[tuple[tuple, dict]] = []
    final: list[Tensor] = []

    def keep(_module: Any, args: tuple, kwargs: dict) -> None:
        residual, rest, named = _split_residual(args, kwargs)
        residuals.append(residual)
        others.append((rest, named))

    def keep_final(_module: Any, args: tuple) -> None:
        final.append(args[0])

    handles = [b.register_forward_pre_hook(keep, with_kwargs=True) for b in model.hooked.blocks]
    handles.append(model.hooked.ln_final.register_forward_pre_hook(keep_final))
    try:
        with last_logits_only(model):
            model.hooked(ids.to(model.device), **model.pass_options)
    finally:
        for handle in handles:
            handle.remove()
    return BlockInputs(tuple(residuals), tuple(others), final[0])


def _split_residual(args: tuple, kwargs: dict) -> tuple[Tensor, tuple, dict]:
    """The residual stream apart from a block's other arguments."""
    if args and torch.is_tensor(args[0]):
        return args[0], args[1:], dict(kwargs)
    named = dict(kwargs)
    return named.pop("hidden_states"), args, named


def replay(
    model: Model, inputs: BlockInputs, *, from_layer: int, copies: int = 1, grad: bool = False
) -> Float[Tensor, "copies_batch pos d_model"]:
    """Rerun the blocks from `from_layer` on, with the batch repeated `copies` times (copy-major).

    Returns the residual stream after the last block; without hooks it equals the clean pass. `grad`
    keeps what a backward pass needs.
    """
    n_batch = inputs.residuals[0].shape[0]
    residual = repeat(inputs.residuals[from_layer], "b ... -> (c b) ...", c=copies)
    with torch.set_grad_enabled(grad):
        for layer in range(from_layer, model.n_layers):
            rest, named = inputs.others[layer]
            if copies > 1:
                rest, named = _repeated(rest, n_batch, copies), _repeated(named, n_batch, copies)
            out = model.hooked.blocks[layer](residual, *rest, **named)
            residual = out[0] if isinstance(out, tuple) else out
    return residual


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


def final_residual(
    model: Model, ids: Int[Tensor, "batch pos"], *, fork_at: int = 0, copies: int = 1
) -> Float[Tensor, "copies_batch pos d_model"]:
    """The residual stream after the last block, with `copies` of the batch from `fork_at` on.

    Copies (copy-major) share all blocks below, and hooks of blocks from `fork_at` on see the larger
    batch. Unlike `capture` no block's input is kept.
    """
    final: list[Tensor] = []

    def keep_final(_module: Any, args: tuple) -> None:
        final.append(args[0])

    handle = model.hooked.ln_final.register_forward_pre_hook(keep_final)
    blocks = list(model.hooked.blocks)
    try:
        with last_logits_only(model), forked(blocks, len(ids), fork_at=fork_at, copies=copies):
            model.hooked(ids.to(model.device), **model.pass_options)
    finally:
        handle.remove()
    return final[0]


@contextmanager
def forked(
    blocks: Sequence[torch.nn.Module], n_batch: int, *, fork_at: int, copies: int
) -> Iterator[None]:
    """Passes inside the block go on with `copies` of their batch from block `fork_at` on."""

    def fork(module: Any, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
        residual, rest, named = _split_residual(args, kwargs)
        if module is blocks[fork_at]:
            residual = repeat(residual, "b ... -> (c b) ...", c=copies)
        rest, named = _repeated(rest, n_batch, copies), _repeated(named, n_batch, copies)
        return (residual, *rest), named

    above = blocks[fork_at:] if copies > 1 else []
    handles = [block.register_forward_pre_hook(fork, with_kwargs=True) for block in above]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@torch.no_grad()
def token_outcomes(
    model: Model,
    residual: Float[Tensor, "batch pos d_model"],
    ids: Int[Tensor, "batch pos"],
    counted: Bool[Tensor, "batch pos"],
    *,
    max_logits: int = 2**25,
) -> tuple[Float[Tensor, "batch pos"], Bool[Tensor, "batch pos"]]:
    """Next-token cross-entropy in float32 of the counted tokens, and whether argmax hit them.

    Zero and True elsewhere. Logits exist only for counted tokens, `max_logits` values at a time.
    """
    ids, counted = ids.to(residual.device), counted.to(residual.device)
    losses = torch.zeros(ids.shape, dtype=torch.float32, device=residual.device)
    right = torch.ones(ids.shape, dtype=torch.bool, device=residual.device)
    row, column = torch.nonzero(counted[:, 1:], as_tuple=True)
    step = max(1, max_logits // model.hooked.cfg.d_vocab)
    for start in range(0, len(row), step):
        r, c = row[start : start + step], column[start : start + step]
        logits = position_logits(model, residual[r, c])
        # On several devices the unembedding need not be where the last block is.
        targets = ids[r, c + 1].to(logits.device)
        each = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
        losses[r, c + 1] = each.to(losses.device)
        right[r, c + 1] = (logits.argmax(dim=-1) == targets).to(right.device)
    return losses, right


def token_losses(
    model: Model,
    residual: Float[Tensor, "batch pos d_model"],
    ids: Int[Tensor, "batch pos"],
    counted: Bool[Tensor, "batch pos"],
) -> Float[Tensor, "batch pos"]:
    """Next-token cross-entropy in float32 of the counted target tokens, zero elsewhere."""
    return token_outcomes(model, residual, ids, counted)[0]


def position_logits(
    model: Model, residual: Float[Tensor, "pos d_model"]
) -> Float[Tensor, "pos vocab"]:
    """Final norm, unembedding and soft-cap of single positions, in float32.

    Differentiable where `residual` is.
    """
    with torch.set_grad_enabled(residual.requires_grad):
        normed = model.hooked.ln_final(residual[None])
        logits = model.hooked.unembed(normed)[0].float()
        if model.logit_cap is not None:
            logits = model.logit_cap * torch.tanh(logits / model.logit_cap)
    return logits


def loss_gradient(
    model: Model,
    residual: Float[Tensor, "batch pos d_model"],
    ids: Int[Tensor, "batch pos"],
    counted: Bool[Tensor, "batch pos"],
    *,
    max_logits: int = 2**25,
) -> Float[Tensor, "batch pos d_model"]:
    """The gradient of each sample's mean loss by its final residual stream, logits in chunks."""
    ids, counted = ids.to(residual.device), counted.to(residual.device)
    gradient = torch.zeros_like(residual)
    weight = 1 / counted[:, 1:].sum(dim=1)
    row, column = torch.nonzero(counted[:, 1:], as_tuple=True)
    step = max(1, max_logits // model.hooked.cfg.d_vocab)
    for start in range(0, len(row), step):
        r, c = row[start : start + step], column[start : start + step]
        with torch.enable_grad():
            places = residual[r, c].detach().requires_grad_()
            logits = position_logits(model, places)
            targets = ids[r, c + 1].to(logits.device)
            losses = torch.nn.functional.cross_entropy(logits, targets, reduction="none")
            weighted = losses * weight[r].to(losses.device)
            (gradient[r, c],) = torch.autograd.grad(weighted.sum(), places)
    return gradient


def sample_means(
    losses: Float[Tensor, "batch pos"], counted: Bool[Tensor, "batch pos"]
) -> Float[Tensor, " batch"]:
    """Mean loss of each sample over its counted tokens, in float64 (NaN where none count)."""
    n_counted = counted[:, 1:].sum(dim=1).to(losses.device)
    return losses.double().sum(dim=1) / n_counted


@contextmanager
def hooks(model: Model, fwd_hooks: list) -> Iterator[None]:
    """TransformerLens hooks for the duration of the block; the model is itself again after it."""
    with model.hooked.hooks(fwd_hooks=fwd_hooks), torch.no_grad():
        yield
