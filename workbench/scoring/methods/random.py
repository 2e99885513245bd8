"""A number by chance: the control that every other score must beat.

random_score("row-1", seed=0)
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.scoring.method import Method, Scored, never, up_to_part
from workbench.types import Circuit, Sample

if TYPE_CHECKING:
    from workbench.models import Model, Rendered
    from workbench.scoring.request import ScoreRequest


def random_score(row_id: str, *, seed: int) -> float:
    """A number in [0, 1) that depends on nothing but the row's id and the seed."""
    digest = hashlib.sha256(f"{seed} {row_id}".encode()).digest()
    return int.from_bytes(digest[:7]) / 2**56


def score(
    model: Model,
    circuit: Circuit | None,
    samples: Sequence[Sample],
    rendered: Sequence[Rendered],
    request: ScoreRequest,
) -> list[Scored]:
    return [Scored({"score": random_score(s.row_id, seed=request.seed)}) for s in samples]


METHOD = Method(
    name="random",
    measures="a number drawn by the row's id and the seed; it points nowhere",
    bias="The score carries no information: this selection is a control.",
    score=score,
    sequences=up_to_part,
    passes=never,
    runs_model=False,
)
