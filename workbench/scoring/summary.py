"""What a run of scores says of itself: counts, quantiles, and how far the score follows what.

summary = summarize(frame, request, n_ctx=model.n_ctx)
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from workbench.config import finite_or_none
from workbench.scoring.correlation import correlations, known_loss, numeric_labels
from workbench.scoring.request import ScoreRequest
from workbench.scoring.text_facts import FACTS

SHARES = [0, 0.1, 0.5, 0.9, 1]


def summarize(
    frame: pd.DataFrame, request: ScoreRequest, *, n_ctx: int, steps: pd.DataFrame | None = None
) -> dict[str, Any]:
    """Counts by status, quantiles of the score, its correlations, and what the method adds.

    Where the method scores steps, `steps` are those of all rows.
    """
    method = request.method
    scored: pd.DataFrame = frame.loc[frame["status"] == "ok"]
    labels, confounds = numeric_labels(scored), numeric_labels(scored, FACTS)
    is_score = method.is_loss and not request.adds_loss
    loss = None if is_score else known_loss(scored, method.known_loss)
    quantiles = pd.Series(scored["score"]).quantile(SHARES) if len(scored) else []
    columns = [*method.correlated, "score_within_length"]
    extras = method.extras(request, n_ctx)
    if steps is not None:
        extras["steps"] = {**summarize_steps(steps), **extras["steps"]}
    if method.over_pool and len(scored):
        extras |= method.over_pool(scored)[1]
    return {
        "schema": 1,
        "method": method.name,
        "variant": None,
        "part": request.scored_part,
        "counts": {k: int(n) for k, n in frame["status"].value_counts().sort_index().items()},
        "reasons": {
            k: int(n)
            for k, n in frame.loc[frame["status"] != "ok", "reason"].value_counts().head(10).items()
        },
        "score_quantiles": [float(q) for q in quantiles],
        "labels": labels,
        "confounds": confounds,
        "correlations": correlations(
            scored, columns=columns, labels=[*labels, *confounds], loss=loss
        ),
        **extras,
    }


def summarize_steps(steps: pd.DataFrame) -> dict[str, Any]:
    """How many steps there are, how long they are, and how far their weights go."""
    score, weight = (steps[name].quantile(SHARES).tolist() for name in ("score", "weight"))
    return {
        "n": len(steps),
        "n_rows": len(set(steps["row_id"])),
        "n_tokens": sum(steps["n_tokens"].tolist()),
        "score_quantiles": [finite_or_none(q) for q in score],
        "weight_quantiles": [finite_or_none(q) for q in weight],
    }
