"""The mean log-probability of a solution, apart for the first tokens of its steps and the rest.

    found = parted_mean(-losses, is_first)
    scores, facts = without_first_share(frame)

"On the Step Length Confounding in LLM Reasoning Data Selection" (arXiv 2604.06834): the first token
of a step is unlikely, and a long step has fewer of them in proportion, so the mean prefers long
steps. Steps are those of AIR (ours; the paper's code cuts behind ". " and "? ").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float64, Int64

from workbench.data import batches_by_length
from workbench.engines import Engine, batch_of
from workbench.models import Rendered
from workbench.scoring.methods.air import solution_of
from workbench.scoring.request import ScoreRequest
from workbench.scoring.steps import steps_of
from workbench.types import Sample

# Four numbers are fitted: one row more than these, at least.
MIN_ROWS = 5


class PartedMean(NamedTuple):
    """Mean log-probabilities in nats, and the share of first tokens; NaN where there are none."""

    naturalness: float
    first_logprob: float
    rest_logprob: float
    first_share: float


def parted_mean(
    logprobs: Float64[np.ndarray, " token"], is_first: Bool[np.ndarray, " token"]
) -> PartedMean:
    """Means over all tokens, over those that begin a step, and over the others."""
    first, rest = logprobs[is_first], logprobs[~is_first]
    return PartedMean(_mean(logprobs), _mean(first), _mean(rest), float(is_first.mean()))


def _mean(some: Float64[np.ndarray, " token"]) -> float:
    return float(some.mean()) if len(some) else float("nan")


def begins_step(
    step: Int64[np.ndarray, " token"], *, after_unpredicted: bool
) -> Bool[np.ndarray, " token"]:
    """Which counted tokens are the first of their step.

    In plain text nothing predicts the very first token, which is not counted; then no counted token
    begins the first step (`after_unpredicted`).
    """
    is_first = np.diff(step, prepend=-1) > 0
    is_first[0] &= not after_unpredicted
    return is_first


def parted_means(
    engine: Engine,
    samples: Sequence[Sample],
    rendered: Sequence[Rendered],
    request: ScoreRequest,
) -> list[PartedMean]:
    """Of each sample's completion, in one clean pass."""
    lengths = [len(r.ids) for r in rendered]
    means: dict[int, PartedMean] = {}

    def work(batch: list[int]) -> None:
        ids, counted = batch_of(engine.model, [rendered[i] for i in batch], "completion")
        losses = engine.losses(ids, counted).double().cpu().numpy()
        for row, i in enumerate(batch):
            at = counted[row].numpy().nonzero()[0]
            _, step = steps_of(solution_of(samples[i]), rendered[i].char_spans()[at])
            unpredicted = bool(rendered[i].counted("completion")[0])
            is_first = begins_step(step, after_unpredicted=unpredicted)
            means[i] = parted_mean(-losses[row, at], is_first)

    for batch in batches_by_length(lengths, max_tokens=request.tokens):
        engine.memory.pieces(batch, lengths, work)
    return [means[i] for i in range(len(rendered))]


def without_first_share(
    frame: pd.DataFrame,
) -> tuple[Float64[np.ndarray, " row"], dict[str, Any]]:
    """`naturalness - gamma * first_share` of every row, and the regression that gave gamma.

    Ordinary least squares over the rows that have all numbers, as the paper's code does it:
    `naturalness = b0 + b1 * rest_logprob + b2 * first_logprob + gamma * first_share`.
    """
    names = ["rest_logprob", "first_logprob", "first_share"]
    raw, share = (frame[name].to_numpy(dtype=np.float64) for name in ("naturalness", names[-1]))
    design = frame[names].to_numpy(dtype=np.float64)
    known = np.isfinite(design).all(axis=1) & np.isfinite(raw)
    fit = _least_squares(design[known], raw[known])
    facts = dict(zip(("rest", "first", "gamma"), fit, strict=True))
    return raw - facts["gamma"] * share, {"regression": {"n": int(known.sum()), **facts}}


def _least_squares(
    design: Float64[np.ndarray, "row column"], values: Float64[np.ndarray, " row"]
) -> list[float]:
    """Slopes beside an intercept, the shortest where several fit; zeros for too few rows."""
    if len(values) < MIN_ROWS:
        return [0.0] * design.shape[1]
    centred = design - design.mean(axis=0)
    return np.linalg.lstsq(centred, values - values.mean(), rcond=None)[0].tolist()
