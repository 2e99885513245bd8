"""The mean next-token loss of a part: how hard the model finds it.

SCORERS["loss"].part  # "completion"
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.scoring.method import Method, Scored, once, too_few, whole
from workbench.types import Circuit, Sample

if TYPE_CHECKING:
    from workbench.models import Model, Rendered
    from workbench.scoring.request import ScoreRequest


def score(
    model: Model,
    circuit: Circuit | None,
    samples: Sequence[Sample],
    rendered: Sequence[Rendered],
    request: ScoreRequest,
) -> list[Scored]:
    from workbench.scoring.losses import loss_scores

    losses = loss_scores(model, rendered, part=request.scored_part, batch_tokens=request.tokens)
    return [Scored({"score": loss}) for loss in losses]


def too_short(sample: Sample, rendered: Rendered, request: ScoreRequest, n_ctx: int) -> str:
    """A first token has nothing that predicts it."""
    part = request.scored_part
    return too_few(int(rendered.counted(part)[1:].sum()), part)


METHOD = Method(
    name="loss",
    measures="mean loss of the part in nats a token; higher: harder for the model",
    bias="The highest losses are often broken or foreign rows rather than hard ones.",
    score=score,
    sequences=whole,
    passes=once,
    too_short=too_short,
    part="completion",
    is_loss=True,
)
