"""Naturalness: the mean log-probability of a part, which is its loss with the other sign.

    SCORERS["naturalness"].is_loss

What reasoning data is selected by where "the model could have said this" is wanted; see the two
methods of arXiv 2604.06834 for what it prefers besides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.scoring.method import Method, Scored, counted_token, once, whole
from workbench.types import Circuit, Sample

if TYPE_CHECKING:
    from workbench.engines import Engine
    from workbench.models import Rendered
    from workbench.scoring.request import ScoreRequest


def score(
    engine: Engine,
    circuit: Circuit | None,
    samples: Sequence[Sample],
    rendered: Sequence[Rendered],
    request: ScoreRequest,
) -> list[Scored]:
    from workbench.scoring.losses import loss_scores

    losses = loss_scores(engine, rendered, part=request.scored_part, batch_tokens=request.tokens)
    return [Scored({"score": -loss}) for loss in losses]


METHOD = Method(
    name="naturalness",
    measures="mean log-probability of the part in nats a token; higher: the model could have said "
    "it itself",
    bias="The score prefers long steps, in which the unlikely first token of a step weighs less, "
    "and text that the model finds easy.",
    score=score,
    sequences=whole,
    passes=once,
    too_short=counted_token,
    part="completion",
    is_loss=True,
)
