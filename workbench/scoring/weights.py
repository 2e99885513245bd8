"""From the influence of a sample's steps to the weights of its tokens in training.

    weights = step_weights(scores, n_tokens, rule="softmax", temperature=0.5, top=0.2)

Every rule keeps the mean weight of a sample's tokens at 1 (docs/methods.md, AIR; arXiv
2512.13279 weights steps in fine-tuning by their influence), so samples count as they did before.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float64, Int64

UP_WEIGHT = 2.0
LINEAR_RANGE = (0.5, 2.0)

Scores = Float64[np.ndarray, " step"]


def top_fraction(scores: Scores, *, temperature: float, top: float) -> Scores:
    """2 for the share `top` of steps of highest score (rounded half up, at least one), else 1."""
    n_top = max(1, math.floor(top * len(scores) + 0.5))
    weights = np.ones(len(scores))
    weights[np.argsort(-scores, kind="stable")[:n_top]] = UP_WEIGHT
    return weights


def softmax(scores: Scores, *, temperature: float, top: float) -> Scores:
    """`exp(score / temperature)`, up to a factor."""
    return np.exp((scores - scores.max()) / temperature)


def linear(scores: Scores, *, temperature: float, top: float) -> Scores:
    """`1 + score / temperature`, clipped to 0.5 and 2."""
    return np.clip(1 + scores / temperature, *LINEAR_RANGE)


WEIGHTS: dict[str, Callable[..., Scores]] = {
    "top-fraction": top_fraction,
    "softmax": softmax,
    "linear": linear,
}


def step_weights(
    scores: Scores,
    n_tokens: Int64[np.ndarray, " step"],
    *,
    rule: str,
    temperature: float,
    top: float,
) -> Scores:
    """Weight of each step, such that the mean over the sample's tokens is 1.

    `n_tokens` are the tokens of each step, at least one in all.
    """
    raw = WEIGHTS[rule](scores, temperature=temperature, top=top)
    return raw * n_tokens.sum() / (raw * n_tokens).sum()
