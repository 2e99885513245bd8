"""Whose doing a score is: the shares of it that fall to each token, and to each head.

    split = split_score(np.array([[0.7, 0.2, 0.1]]), np.full((1, 3), 1 / 3), "paper")
    split.tokens.argmax(), split.heads

Every variant is a sum over tokens of a weighted square of what they receive beyond an even share.
The circuit's mean is a sum over heads as well, so that the square splits into a share for each: its
own departure times that of the mean. A head that pulls the other way has a share below 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

# Less than rounding makes of attention that is even.
NOTHING = 1e-12


class Split(NamedTuple):
    """Shares of one score; those of the tokens sum to 1, and so do those of the heads."""

    tokens: Float[np.ndarray, " pos"]
    heads: Float[np.ndarray, " head"]


def split_score(
    received: Float[np.ndarray, "head pos"],
    uniform: Float[np.ndarray, "head pos"],
    variant: str,
    *,
    per_head: bool = False,
) -> Split | None:
    """The split of a score by `variant`; None where the score is 0.

    `uniform` is what the tokens would receive from each head if it looked at everything alike. With
    `per_head` the score is the mean over heads of each head's own.
    """
    if not per_head:
        uniform = np.broadcast_to(uniform.mean(0), received.shape)
    even = uniform if variant == "excess" else np.full_like(received, 1 / received.shape[1])
    weight = 1 / even if variant == "excess" else np.ones_like(received)
    beyond = received - even
    common = beyond if per_head else np.broadcast_to(beyond.mean(0), beyond.shape)
    parts = weight * beyond * common
    total = float(parts.sum())
    return Split(parts.sum(0) / total, parts.sum(1) / total) if total > NOTHING else None
