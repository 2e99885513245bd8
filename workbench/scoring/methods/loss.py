"""The mean next-token loss of a part: how hard the model finds it.

SCORERS["loss"].part  # "completion"
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
    return [Scored({"score": loss}) for loss in losses]


METHOD = Method(
    name="loss",
    measures="mean loss of the part in nats a token; higher: harder for the model",
    bias="The highest losses are often broken or foreign rows rather than hard ones.",
    score=score,
    sequences=whole,
    passes=once,
    too_short=counted_token,
    part="completion",
    is_loss=True,
)
