"""Naturalness without the first token of every step (arXiv 2604.06834, ASLEC-drop).

    SCORERS["aslec-drop"].columns  # ("naturalness", "first_logprob", "rest_logprob", "first_share")

The formulas are those of `scoring.naturalness`. One first token a step, as in the paper (its code
leaves out two unless told otherwise); steps as in AIR (ours).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.scoring.method import Method, Scored, once, too_few, whole
from workbench.scoring.methods.air import too_short as without_steps
from workbench.types import Circuit, Sample

if TYPE_CHECKING:
    from workbench.engines import Engine
    from workbench.models import Rendered
    from workbench.scoring.request import ScoreRequest

COLUMNS = ("naturalness", "first_logprob", "rest_logprob", "first_share")


def score(
    engine: Engine,
    circuit: Circuit | None,
    samples: Sequence[Sample],
    rendered: Sequence[Rendered],
    request: ScoreRequest,
) -> list[Scored]:
    from workbench.scoring.naturalness import parted_means

    means = parted_means(engine, samples, rendered, request)
    return [Scored({"score": found.rest_logprob, **found._asdict()}) for found in means]


def too_short(sample: Sample, rendered: Rendered, request: ScoreRequest, n_ctx: int) -> str:
    """Without steps there is no first token of one, and beside it another is needed."""
    n_counted = int(rendered.counted("completion")[1:].sum())
    return without_steps(sample, rendered, request, n_ctx) or too_few(
        n_counted, "completion", needed=2
    )


METHOD = Method(
    name="aslec-drop",
    measures="mean log-probability of the solution without the first token of every step; higher: "
    "the model could have said the steps, once begun",
    bias="What the model says of how a solution goes on from step to step is left out, and text "
    "that the model finds easy is preferred.",
    score=score,
    sequences=whole,
    passes=once,
    too_short=too_short,
    part="completion",
    parts=("completion",),
    columns=COLUMNS,
    known_loss="naturalness",
)
