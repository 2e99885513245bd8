"""From the residual stream after the last block to losses, by logits of counted tokens only.

found = token_outcomes(engine.logits, residual, ids, counted, n_vocab=49152)
sample_means(found.losses, counted)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor
from torch.nn.functional import cross_entropy

from workbench.engines.base import Outcomes

# Values of the logits that exist at once.
MAX_LOGITS = 2**25
Logits = Callable[[Tensor], Tensor]
"""Logits `[pos, vocab]` in float32 of single positions `[pos, d_model]` of the residual stream."""


@torch.no_grad()
def token_outcomes(
    logits_of: Logits,
    residual: Float[Tensor, "row pos d_model"],
    ids: Int[Tensor, "row pos"],
    counted: Bool[Tensor, "row pos"],
    *,
    n_vocab: int,
    max_logits: int | None = None,
) -> Outcomes:
    """Cross-entropy in float32 of the counted tokens, and whether each is the most likely one."""
    ids, counted = ids.to(residual.device), counted.to(residual.device)
    losses = torch.zeros(ids.shape, dtype=torch.float32, device=residual.device)
    hits = torch.ones(ids.shape, dtype=torch.bool, device=residual.device)
    for r, c in _places(counted, (max_logits or MAX_LOGITS) // n_vocab):
        logits = logits_of(residual[r, c])
        # On several devices the unembedding need not be where the last block is.
        targets = ids[r, c + 1].to(logits.device)
        losses[r, c + 1] = cross_entropy(logits, targets, reduction="none").to(losses.device)
        hits[r, c + 1] = (logits.argmax(dim=-1) == targets).to(hits.device)
    return Outcomes(losses, hits, residual)


def loss_gradient(
    logits_of: Logits,
    residual: Float[Tensor, "batch pos d_model"],
    ids: Int[Tensor, "batch pos"],
    counted: Bool[Tensor, "batch pos"],
    *,
    n_vocab: int,
    max_logits: int | None = None,
) -> Float[Tensor, "batch pos d_model"]:
    """The gradient of each sample's mean loss by its final residual stream."""
    ids, counted = ids.to(residual.device), counted.to(residual.device)
    gradient = torch.zeros_like(residual)
    weight = 1 / counted[:, 1:].sum(dim=1)
    for r, c in _places(counted, (max_logits or MAX_LOGITS) // n_vocab):
        with torch.enable_grad():
            places = residual[r, c].detach().requires_grad_()
            logits = logits_of(places)
            losses = cross_entropy(logits, ids[r, c + 1].to(logits.device), reduction="none")
            weighted = losses * weight[r].to(losses.device)
            (gradient[r, c],) = torch.autograd.grad(weighted.sum(), places)
    return gradient


def sample_means(
    losses: Float[Tensor, "batch pos"], counted: Bool[Tensor, "batch pos"]
) -> Float64[Tensor, " batch"]:
    """Mean loss of each sample over its counted tokens, in float64 (NaN where none count)."""
    n_counted = counted[:, 1:].sum(dim=1).to(losses.device)
    return losses.double().sum(dim=1) / n_counted


def _places(counted: Bool[Tensor, "row pos"], step: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Rows and positions whose next token is counted, at most `step` at a time."""
    row, column = torch.nonzero(counted[:, 1:], as_tuple=True)
    step = max(1, step)
    for start in range(0, len(row), step):
        yield row[start : start + step], column[start : start + step]
