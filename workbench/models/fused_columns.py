"""Attention that each key receives, summed block by block: no T x T pattern is ever held.

    means = received_by_keys(query, key, spans, scaling=d_head**-0.5)

Pure; what a pattern would give in one piece is in `scoring.variance` (docs/methods.md, Engines).
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor

# Pattern values of one block of queries: few enough for a CPU's cache, many enough for a GPU.
BLOCK_CPU, BLOCK_GPU = 2**19, 2**26
SMALLEST_BLOCK = 16


def received_by_keys(
    query: Float[Tensor, "batch head pos d_head"],
    key: Float[Tensor, "batch head pos d_head"],
    spans: Int[Tensor, "span batch 2"],
    *,
    scaling: float,
    window: int | None = None,
    block: int | None = None,
) -> Float64[Tensor, "span batch head pos"]:
    """Mean attention each key receives per head, over queries and keys in `[start, end)`.

    Causal, within a sliding `window`. Rows are renormalised over a span that leaves tokens out; a
    row with nothing left in it counts as uniform over it. Sums to 1 over each span, zero outside.
    `block` queries are looked at together (default: by device); memory grows with T, not T^2.
    """
    n_batch, n_heads, n_pos, _ = query.shape
    start, end = spans[..., 0, None], spans[..., 1, None]
    position = torch.arange(n_pos, device=query.device)
    inside = (position >= start) & (position < end)
    shape = (len(spans), n_batch, n_heads, n_pos)
    totals = torch.zeros(shape, dtype=torch.float64, device=query.device)
    lost = torch.zeros(shape, dtype=torch.bool, device=query.device)
    step = block or _block(query)
    for first in range(0, n_pos, step):
        last = min(first + step, n_pos)
        left = 0 if window is None else max(0, first - window + 1)
        pattern = _rows(query, key, (left, first, last), scaling=scaling, window=window)
        of_keys = inside[:, :, left:last].to(pattern.dtype)
        kept = torch.einsum("bhqk,sbk->sbhq", pattern, of_keys)
        counted = inside[:, :, None, first:last]
        weight = torch.where(counted & (kept > 0), kept.reciprocal(), 0.0)
        totals[..., left:last] += torch.einsum("sbhq,bhqk->sbhk", weight, pattern).double()
        lost[..., first:last] = counted & (kept <= 0)
    totals += _uniform_rows(lost, position - start)
    return totals * inside[:, :, None] / (end - start).clamp(min=1)[:, :, None]


def _rows(
    query: Tensor, key: Tensor, place: tuple[int, int, int], *, scaling: float, window: int | None
) -> Float[Tensor, "batch head rows keys"]:
    """Rows `first` to `last` of the pattern, keys from `left` on, in float32."""
    left, first, last = place
    scores = (query[:, :, first:last] @ key[:, :, left:last].mT).float() * scaling
    rows = torch.arange(first, last, device=query.device)[:, None]
    diagonal = torch.arange(first, last, device=query.device)
    scores[..., first - left :].masked_fill_(diagonal > rows, -torch.inf)
    if window is not None:
        keys = torch.arange(left, last, device=query.device)
        scores.masked_fill_(keys <= rows - window, -torch.inf)
    return scores.softmax(dim=-1)


def _uniform_rows(
    lost: Bool[Tensor, "span batch head pos"], distance: Int[Tensor, "span batch pos"]
) -> Float64[Tensor, "span batch head pos"]:
    """What keys receive from lost rows that look at the whole span up to themselves alike."""
    share = lost.double() / (distance + 1).clamp(min=1)[:, :, None]
    return share.flip(-1).cumsum(-1).flip(-1)


def _block(query: Tensor) -> int:
    n_batch, n_heads, n_pos, _ = query.shape
    values = BLOCK_CPU if query.device.type == "cpu" else BLOCK_GPU
    return max(SMALLEST_BLOCK, values // max(1, n_batch * n_heads * n_pos))
