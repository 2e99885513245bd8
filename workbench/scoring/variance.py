"""The CircuitSeer formulas, apart from any model: from attention patterns to one number a sample.

    received = attention_received(pattern, start, end)   # per head
    score = VARIANTS["paper"](received[0].mean(0).numpy(), uniform)

Paper: arXiv 2510.18470, equations for `a_j` and `S`. Ours: `cv2`, `excess` and leaving out the
sink, because the literal score follows length and the attention sink (docs/methods.md,
CircuitSeer's score).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64


def contributions(received: Float[np.ndarray, " pos"]) -> Float[np.ndarray, " pos"]:
    """`(a_j - 1/T)^2` of every token; their mean is the paper's score."""
    return (received - 1 / len(received)) ** 2


def paper(received: Float64[np.ndarray, " pos"], uniform: Float64[np.ndarray, " pos"]) -> float:
    """`S = (1/T) sum_j (a_j - 1/T)^2`. Falls with length: uniform attention alone gives ~1/T^2."""
    return float(np.mean(contributions(received)))


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
