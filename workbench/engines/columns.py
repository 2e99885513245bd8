"""Attention that each key receives, summed block by block: no T x T pattern is ever held.

    means = received_by_keys(query, key, spans, scaling=d_head**-0.5)

Pure. `attention_received` is the same from a pattern in one piece: the reference, and what the
hooked engine has.
"""

from __future__ import annotations

from itertools import product

import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor

# Pattern values of one block: few enough for a CPU's cache, many enough for a GPU.
BLOCK_CPU, BLOCK_GPU = 2**19, 2**26
# Fewer queries together cost a matrix product twice the time; heads take turns instead.
SMALLEST_BLOCK = 64


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
    `block` queries of all heads are looked at together (default: by device; of long texts fewer
    heads); memory grows with T, not T^2. Half precision is rounded nowhere on a CPU.
    """
    n_batch, n_heads, n_pos, _ = query.shape
    start, end = spans[..., 0, None], spans[..., 1, None]
    position = torch.arange(n_pos, device=query.device)
    inside = (position >= start) & (position < end)
    shape = (len(spans), n_batch, n_heads, n_pos)
    totals = torch.zeros(shape, dtype=torch.float64, device=query.device)
    lost = torch.zeros(shape, dtype=torch.bool, device=query.device)
    together, step = (n_heads, block) if block else _block(query)
    if query.device.type == "cpu":
        query, key = query.float(), key.float()
    for at, first in product(range(0, n_heads, together), range(0, n_pos, step)):
        heads, last = slice(at, at + together), min(first + step, n_pos)
        left = 0 if window is None else max(0, first - window + 1)
        place = (left, first, last)
        pattern = _rows(query[:, heads], key[:, heads], place, scaling=scaling, window=window)
        of_keys = inside[:, :, left:last].to(pattern.dtype)
        kept = torch.einsum("bhqk,sbk->sbhq", pattern, of_keys)
        counted = inside[:, :, None, first:last]
        weight = torch.where(counted & (kept > 0), kept.reciprocal(), 0.0)
        totals[:, :, heads, left:last] += torch.einsum("sbhq,bhqk->sbhk", weight, pattern).double()
        lost[:, :, heads, first:last] = counted & (kept <= 0)
    totals += _uniform_rows(lost, position - start)
    return totals * inside[:, :, None] / (end - start).clamp(min=1)[:, :, None]


def _rows(
    query: Tensor, key: Tensor, place: tuple[int, int, int], *, scaling: float, window: int | None
) -> Float[Tensor, "batch head rows keys"]:
    """Rows `first` to `last` of the pattern, keys from `left` on, in float32."""
    left, first, last = place
    scores = (query[:, :, first:last] @ key[:, :, left:last].mT).float().mul_(scaling)
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


def _block(query: Tensor) -> tuple[int, int]:
    """Heads and queries that are looked at together."""
    n_batch, n_heads, n_pos, _ = query.shape
    values = BLOCK_CPU if query.device.type == "cpu" else BLOCK_GPU
    together = min(n_heads, max(1, values // max(1, n_batch * n_pos * SMALLEST_BLOCK)))
    return together, max(SMALLEST_BLOCK, values // max(1, n_batch * together * n_pos))


def attention_received(
    pattern: Float[Tensor, "batch head query key"],
    start: Int[Tensor, " batch"],
    end: Int[Tensor, " batch"],
) -> Float64[Tensor, "batch head key"]:
    """Mean attention each key receives per head, over queries and keys in `[start, end)`.

    Rows are renormalised over the window when it leaves tokens out, so the result sums to 1 over
    the window; a row with nothing left in the window counts as uniform over it. Zero outside.
    """
    position = torch.arange(pattern.shape[-1], device=pattern.device)
    inside = (position >= start[:, None]) & (position < end[:, None])
    kept = pattern.double() * inside[:, None, None, :]
    visible = inside[:, None, :, None] & inside[:, None, None, :]
    visible = visible & (position[:, None] >= position[None, :])
    total = kept.sum(-1, keepdim=True)
    uniform = visible / visible.sum(-1, keepdim=True).clamp(min=1)
    rows = torch.where(total > 0, kept / total.clamp(min=1e-300), uniform)
    rows = rows * inside[:, None, :, None]
    return rows.sum(dim=2) / (end - start).clamp(min=1)[:, None, None]
