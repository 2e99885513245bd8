"""What does each head matter? The loss increase when it alone becomes uniform.

Exact, with two savings (docs/methods.md, Importance of heads): nothing below the ablated layer is
run again, and all heads of one layer share a batch. The plain loop,
one hooked pass a head, is the tests' reference.

    for batch in iter_importance(model, rendered, part="completion"):
        batch.base_loss, batch.deltas
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from workbench.ablation.hooks import check_heads, folded_uniform_hook
from workbench.errors import NoRoomError
from workbench.models import (
    PATTERNS,
    BlockInputs,
    DidNotFit,
    Model,
    Rendered,
    attempt,
    capture,
    counted_mask,
    hooks,
    padded,
    replay,
    sample_means,
    token_losses,
)
from workbench.types import Head, Progress, no_progress

# Values of one layer's folded patterns. On a CPU larger blocks leave the allocator's reach: every
# pass would ask the system for fresh pages (a quarter of the time, measured).
FOLD_CPU, FOLD_GPU = 2**22, 2**28


@dataclass(frozen=True)
class ImportanceBatch:
    """Losses of some samples in nats a token: clean, and the increase with each head uniform.

    Deltas of heads that were not asked for are NaN.
    """

    indices: tuple[int, ...]
    base_loss: Float64[np.ndarray, " sample"]
    deltas: Float64[np.ndarray, "sample layer head"]


def iter_importance(
    model: Model,
    rendered: Sequence[Rendered],
    *,
    batches: Sequence[Sequence[int]],
    part: str = "completion",
    heads: Iterable[Head] | None = None,
    fold: int | None = None,
    on_progress: Progress = no_progress,
) -> Iterator[ImportanceBatch]:
    """Deltas of every head on every sample, batch by batch (CircuitSeer, arXiv 2510.18470, 3.1).

    `batches` are indices into `rendered` of samples of similar length; `part` says which tokens
    count for the loss; `heads` leaves the others out; `fold` limits the pattern values of one
    folded pass (default: by device). Every sample must have at least one counted token after its
    first.
    """
    fold = fold or (FOLD_CPU if model.device.type == "cpu" else FOLD_GPU)
    by_layer, lengths = heads_by_layer(model, heads), [len(r.ids) for r in rendered]
    n_total = len(batches) * len(by_layer)
    for number, batch in enumerate(batches):

        def tell(n_layers: int, n_samples: int, before: int = number * len(by_layer)) -> None:
            text = f"layer {list(by_layer)[n_layers - 1]} of a batch of {n_samples} samples"
            on_progress(before + n_layers, n_total, text)

        def work(piece: list[int], tell: Callable[[int, int], None] = tell) -> ImportanceBatch:
            chosen = [rendered[i] for i in piece]
            base, deltas = _measured(model, chosen, part, by_layer=by_layer, fold=fold, tell=tell)
            return ImportanceBatch(tuple(piece), base, deltas)

        yield together([found for _, found in model.memory.pieces(batch, lengths, work)])


def _measured(
    model: Model,
    chosen: Sequence[Rendered],
    part: str,
    *,
    by_layer: Mapping[int, list[int]],
    fold: int,
    tell: Callable[[int, int], None],
) -> tuple[Float64[np.ndarray, " sample"], Float64[np.ndarray, "sample layer head"]]:
    """Base losses and deltas of samples that are run as one batch."""
    ids, counted = padded([r.ids for r in chosen], model.pad_id), counted_mask(chosen, part)
    inputs = capture(model, ids)
    base = sample_means(token_losses(model, inputs.final, ids, counted), counted)
    deltas = np.full((len(chosen), model.n_layers, model.n_heads), np.nan)
    for n_done, (layer, of_layer) in enumerate(by_layer.items()):
        losses = _layer_losses(model, inputs, ids, counted, layer=layer, heads=of_layer, fold=fold)
        deltas[:, layer, of_layer] = (losses - base[:, None]).cpu().numpy()
        tell(n_done + 1, len(chosen))
    return base.cpu().numpy(), deltas


def together(pieces: Sequence[ImportanceBatch]) -> ImportanceBatch:
    """The pieces of a batch as one."""
    return ImportanceBatch(
        tuple(index for piece in pieces for index in piece.indices),
        np.concatenate([piece.base_loss for piece in pieces]),
        np.concatenate([piece.deltas for piece in pieces]),
    )


def heads_by_layer(model: Model, heads: Iterable[Head] | None = None) -> dict[int, list[int]]:
    """The heads of each layer that has any, lowest first; None stands for all of the model."""
    if heads is None:
        return {layer: list(range(model.n_heads)) for layer in range(model.n_layers)}
    heads = tuple(heads)
    check_heads(model, heads)
    by_layer: dict[int, list[int]] = {}
    for layer, head in sorted(set(heads)):
        by_layer.setdefault(layer, []).append(head)
    return by_layer


def _layer_losses(
    model: Model,
    inputs: BlockInputs,
    ids: Tensor,
    counted: Tensor,
    *,
    layer: int,
    heads: Sequence[int],
    fold: int,
) -> Float64[Tensor, "sample head"]:
    """Sample losses with each of `heads` of `layer` uniform, `fold` pattern values a pass."""
    n_batch, n_pos = ids.shape
    per_head, columns, start = n_batch * model.n_heads * n_pos**2, [], 0
    while start < len(heads):
        per_pass = max(1, model.memory.limit(PATTERNS, fold) // per_head)
        folded = heads[start : start + per_pass]

        def work(folded: Sequence[int] = folded) -> Float64[Tensor, "sample head"]:
            with hooks(model, [folded_uniform_hook(model, layer, folded)]):
                residual = replay(model, inputs, from_layer=layer, copies=len(folded))
            copied_ids, copied = ids.repeat(len(folded), 1), counted.repeat(len(folded), 1)
            losses = sample_means(token_losses(model, residual, copied_ids, copied), copied)
            return losses.reshape(len(folded), n_batch).T

        found = attempt(work)
        if not isinstance(found, DidNotFit):
            columns.append(found)
            start += len(folded)
        elif len(folded) > 1:
            model.memory.halve(PATTERNS, len(folded) * per_head, found.reason)
        else:
            raise NoRoomError(f"a batch of {n_batch} x {n_pos} tokens", reason=found.reason)
    return torch.cat(columns, dim=1)
