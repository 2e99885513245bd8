"""Naturalness freed of the share of first tokens by a regression (arXiv 2604.06834, ASLEC-casl).

    SCORERS["aslec-casl"].over_pool

Scores depend on the whole pool: the regression runs over all of its scored rows. The formulas are
those of `scoring.naturalness`, from the project page and the code of the authors; first tokens and
steps as in `aslec-drop`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from workbench.scoring.method import Method, Scored, once, whole
from workbench.scoring.methods.aslec_drop import COLUMNS, too_short
from workbench.types import Circuit, Sample

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

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
    """Naturalness and what it is made of; `over_pool` takes the share of first tokens out."""
    from workbench.scoring.naturalness import parted_means

    means = parted_means(engine, samples, rendered, request)
    return [Scored({"score": found.naturalness, **found._asdict()}) for found in means]


def over_pool(frame: pd.DataFrame) -> tuple[np.ndarray, dict[str, Any]]:
    from workbench.scoring.naturalness import without_first_share

    return without_first_share(frame)


METHOD = Method(
    name="aslec-casl",
    measures="mean log-probability of the solution, with the effect of the share of first tokens "
    "of steps taken out over the pool; higher: the model could have said it",
    bias="The score is relative to the pool that the effect was fitted on, and text that the model "
    "finds easy is preferred.",
    score=score,
    sequences=whole,
    passes=once,
    too_short=too_short,
    part="completion",
    parts=("completion",),
    columns=COLUMNS,
    known_loss="naturalness",
    over_pool=over_pool,
)
