"""The number of tokens: what every other score is held against.

SCORERS["length"].runs_model  # False
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.scoring.method import Method, Scored, never, up_to_part, window_tokens
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
    """Tokens of the part, leading template tokens included."""
    return [Scored({"score": float(window_tokens(r, request.scored_part))}) for r in rendered]


METHOD = Method(
    name="length",
    measures="number of tokens of the part; higher: longer",
    bias="The score is the length itself.",
    score=score,
    sequences=up_to_part,
    passes=never,
    runs_model=False,
)
