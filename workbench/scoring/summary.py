"""What a run of scores says of itself: counts, quantiles, and how far the score follows what.

summary = summarize(frame, request, n_ctx=model.n_ctx)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from workbench.config import finite_or_none
from workbench.scoring.correlation import Columns, correlations, known_loss, numeric_labels
from workbench.scoring.request import ScoreRequest
from workbench.scoring.text_facts import FACTS

SHARES = [0, 0.1, 0.5, 0.9, 1]


def summarize(
    frame: pd.DataFrame, request: ScoreRequest, *, n_ctx: int, steps: pd.DataFrame | None = None
) -> dict[str, Any]:
    """Counts by status, quantiles of the score, its correlations, and what the method adds.

    Where the method scores steps, `steps` are those of all rows.
    """
    is_ok = frame["status"] == "ok"
    scored: pd.DataFrame = frame.loc[is_ok]
    over_pool = request.method.over_pool
    return summarize_columns(
        scored,
        request,
        n_ctx=n_ctx,
        counts={str(k): int(n) for k, n in frame["status"].value_counts().sort_index().items()},
        reasons=frame.loc[~is_ok, "reason"],
        steps=steps,
        facts=over_pool(scored)[1] if over_pool and len(scored) else {},
    )


def summarize_columns(
    scored: Columns,
    request: ScoreRequest,
    *,
    n_ctx: int,
    counts: Mapping[str, int],
    reasons: pd.Series,
    steps: Columns | None = None,
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """The same of the columns of the scored rows, the `reasons` of the others, and all `counts`.

    `facts` is what a method that makes its scores over the pool says of it.
    """
    method = request.method
    labels, confounds = numeric_labels(scored), numeric_labels(scored, FACTS)
    is_score = method.is_loss and not request.adds_loss
    loss = None if is_score else known_loss(scored, method.known_loss)
    quantiles = pd.Series(scored["score"]).quantile(SHARES) if counts.get("ok") else []
    columns = [*method.correlated, "score_within_length"]
    extras = method.extras(request, n_ctx)
    if steps is not None:
        extras["steps"] = {**summarize_steps(steps), **extras["steps"]}
    extras |= facts
    return {
        "schema": 1,
        "method": method.name,
        "variant": None,
        "part": request.scored_part,
        "counts": dict(counts),
        "reasons": {k: int(n) for k, n in reasons.value_counts().head(10).items()},
        "score_quantiles": [float(q) for q in quantiles],
        "labels": labels,
        "confounds": confounds,
        "correlations": correlations(
            scored, columns=columns, labels=[*labels, *confounds], loss=loss
        ),
        **extras,
    }


def summarize_steps(steps: Columns) -> dict[str, Any]:
    """How many steps there are, how long they are, and how far their weights go."""
    score, weight = (
        pd.Series(steps[name]).quantile(SHARES).tolist() for name in ("score", "weight")
    )
    number = np.asarray(steps["step"])
    return {
        "n": len(number),
        # Each row's steps are numbered from 0.
        "n_rows": int((number == 0).sum()),
        "n_tokens": int(np.asarray(steps["n_tokens"]).sum(dtype=np.int64)),
        "score_quantiles": [finite_or_none(q) for q in score],
        "weight_quantiles": [finite_or_none(q) for q in weight],
    }
