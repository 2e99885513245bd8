"""Uniform attention, as pure maths: what a head does that looks at everything it may see alike.

pattern[:, head] = uniform_pattern(n_pos, window=None)
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def uniform_pattern(
    n_pos: int, *, window: int | None = None, device: torch.device | str = "cpu"
) -> Float[Tensor, "query key"]:
    """Causal uniform attention: `U[i,j] = 1/i` for `j <= i` (1-based), else 0.

    With a sliding `window` a query sees its own key and the `window - 1` before it, and is uniform
    over those. Rows sum to 1 (METHODS, section 0: undifferentiated attention).
    """
    position = torch.arange(n_pos, device=device)
    distance = position[:, None] - position[None, :]
    visible = distance >= 0
    if window is not None:
        visible &= distance < window
    return visible / visible.sum(dim=-1, keepdim=True)


def uniform_column_mean(n_pos: int, *, window: int | None = None) -> Float[Tensor, " key"]:
    """Mean attention received by each key under uniform attention, in float64.

    Without a window `u_j = (1/T) sum_{i>=j} 1/i`; sums to 1 (METHODS, section 1, `excess`).
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
    values: Float[Tensor, "batch pos head d_head"], *, window: int | None = None
) -> Float[Tensor, "batch pos head d_head"]:
    """Output of a uniform head without any pattern: `z_i = (1/i) sum_{j<=i} v_j`."""
    totals = values.cumsum(dim=1)
    seen = torch.arange(1, values.shape[1] + 1, device=values.device, dtype=values.dtype)
    if window is not None and window < values.shape[1]:
        totals = totals.clone()
        totals[:, window:] -= values.cumsum(dim=1)[:, :-window]
        seen = seen.clamp(max=window)
    return totals / seen[None, :, None, None]
