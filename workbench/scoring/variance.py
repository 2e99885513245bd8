"""The CircuitSeer formulas, apart from any model: from attention patterns to one number a sample.

    received = attention_received(pattern, start, end)   # per head
    score = VARIANTS["paper"](received.mean(0), uniform)

Paper: arXiv 2510.18470, equations for `a_j` and `S`. Ours: `cv2`, `excess` and leaving out the
sink, because the literal score follows length and the attention sink (docs/methods.md,
CircuitSeer's score).
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor


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


def paper(received: Float64[np.ndarray, " pos"], uniform: Float64[np.ndarray, " pos"]) -> float:
    """`S = (1/T) sum_j (a_j - 1/T)^2`. Falls with length: uniform attention alone gives ~1/T^2."""
    n = len(received)
    return float(np.mean((received - 1 / n) ** 2))


def cv2(received: Float64[np.ndarray, " pos"], uniform: Float64[np.ndarray, " pos"]) -> float:
    """`T^2 S`, the squared coefficient of variation of attention received."""
    return len(received) ** 2 * paper(received, uniform)


def excess(received: Float64[np.ndarray, " pos"], uniform: Float64[np.ndarray, " pos"]) -> float:
    """`sum_j u_j (a_j/u_j - 1)^2`: 0 under uniform attention at any length.

    `uniform` is `u_j`, what each token would receive from heads that look at everything alike.
    """
    ratio = received / uniform
    return float(np.sum(uniform * (ratio - 1) ** 2))


VARIANTS = {"paper": paper, "cv2": cv2, "excess": excess}
