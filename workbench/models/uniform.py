"""Uniform attention, as pure maths: what a head does that looks at everything it may see alike.

pattern[:, head] = uniform_pattern(n_pos, window=None)
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def uniform_pattern(
    n_pos: int,
    *,
    n_query: int | None = None,
    window: int | None = None,
    device: torch.device | str = "cpu",
) -> Float[Tensor, "query key"]:
    """Causal uniform attention: `U[i,j] = 1/i` for `j <= i` (1-based), else 0.

    With a sliding `window` a query sees its own key and the `window - 1` before it, and is uniform
    over those. Rows sum to 1 (docs/methods.md, Ground rules). `n_query` keeps the last rows
    only: what the newest queries of a cached pass see.
    """
    key = torch.arange(n_pos, device=device)
    query = key if n_query is None else key[n_pos - n_query :]
    distance = query[:, None] - key[None, :]
    visible = distance >= 0
    if window is not None:
        visible &= distance < window
    return visible / visible.sum(dim=-1, keepdim=True)


def padded_uniform_pattern(
    real: Bool[Tensor, "batch key"], *, window: int | None = None
) -> Float[Tensor, "batch query key"]:
    """Causal uniform attention over the visible keys that are `real`, wherever the padding lies.

    Padding never counts (docs/methods.md, Ground rules); a query without real key has zeros.
    """
    seen = uniform_pattern(real.shape[1], window=window, device=real.device) > 0
    visible = seen & real[:, None, :]
    return visible / visible.sum(dim=-1, keepdim=True).clamp(min=1)


def uniform_column_mean(n_pos: int, *, window: int | None = None) -> Float[Tensor, " key"]:
    """Mean attention received by each key under uniform attention, in float64.

    Without a window `u_j = (1/T) sum_{i>=j} 1/i`; sums to 1 (docs/methods.md, CircuitSeer's score).
    """
    seen = torch.arange(1, n_pos + 1, dtype=torch.float64)
    if window is not None:
        seen = seen.clamp(max=window)
    weight = torch.cat([seen.reciprocal(), torch.zeros(1, dtype=torch.float64)])
    from_here_on = weight.flip(0).cumsum(0).flip(0)
    last_query = (
        torch.full((n_pos,), n_pos)
        if window is None
        else (torch.arange(n_pos) + window).clamp(max=n_pos)
    )
    return (from_here_on[:n_pos] - from_here_on[last_query]) / n_pos


def running_mean(
    values: Float[Tensor, "batch pos head d_head"],
    *,
    window: int | None = None,
    real: Bool[Tensor, "batch pos"] | None = None,
) -> Float[Tensor, "batch pos head d_head"]:
    """Output of a uniform head without any pattern: `z_i = (1/i) sum_{j<=i} v_j`.

    With a `window` the sum runs over its keys, with `real` over those that are no padding.
    Summed in float32 at least: a half-precision count stands still at 256.
    """
    wide = values.to(torch.promote_types(values.dtype, torch.float32))
    counted = wide.new_ones(values.shape[:2]) if real is None else real.to(wide.dtype)
    counted = counted[:, :, None, None]
    mean = _sum_so_far(wide * counted, window) / _sum_so_far(counted, window).clamp(min=1)
    return mean.to(values.dtype)


def _sum_so_far(
    summands: Float[Tensor, "batch pos head d_head"], window: int | None
) -> Float[Tensor, "batch pos head d_head"]:
    totals = summands.cumsum(dim=1)
    if window is None or window >= summands.shape[1]:
        return totals
    before = torch.cat([torch.zeros_like(totals[:, :window]), totals[:, :-window]], dim=1)
    return totals - before
