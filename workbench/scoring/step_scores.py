"""From losses of tokens to scores of steps, apart from any model.

    scored = score_steps(completion, chars, (loss_base, loss_weak), AirOptions(floor=0.05))

AIR (arXiv 2512.13279) does not publish its exact formula. Ours: the base loss is floored (0.05
nats), or the difference is left absolute; steps as in `scoring.steps`.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64

from workbench.scoring.method import Scored, Step
from workbench.scoring.methods.air import AirOptions
from workbench.scoring.steps import steps_of
from workbench.scoring.weights import step_weights

Losses = Float64[np.ndarray, " token"]


def score_steps(
    text: str, chars: Int64[np.ndarray, "token 2"], losses: tuple[Losses, Losses], own: AirOptions
) -> Scored:
    """The sample and its steps from the clean and weakened losses of its tokens.

    `chars` is where each token starts and ends in `text`; a token belongs to the step that holds
    its first character.
    """
    spans, step = steps_of(text, chars)
    n_tokens = np.bincount(step, minlength=len(spans))
    base, weak = (np.bincount(step, loss, minlength=len(spans)) / n_tokens for loss in losses)
    scores = air_score(base, weak, own)
    weights = step_weights(
        scores, n_tokens, rule=own.weights, temperature=own.temperature, top=own.top
    )
    table = zip(*zip(*spans, strict=True), n_tokens, base, weak, scores, weights, strict=True)
    whole = np.array([losses[0].mean()]), np.array([losses[1].mean()])
    columns = {
        "score": float(air_score(*whole, own)[0]),
        "loss_base": float(whole[0][0]),
        "loss_weak": float(whole[1][0]),
    }
    return Scored(columns, tuple(Step(a, b, int(n), *map(float, rest)) for a, b, n, *rest in table))


def air_score(
    base: Float64[np.ndarray, " step"], weak: Float64[np.ndarray, " step"], own: AirOptions
) -> Float64[np.ndarray, " step"]:
    """`(L_weak - L_base) / max(L_base, floor)`, or the difference alone."""
    rise = weak - base
    return rise if own.absolute else rise / np.maximum(base, own.floor)
