"""One score a row, for any method: from samples to the table of scores.

    request = ScoreRequest.of("loss")
    frame = score_samples(samples, request=request, engine=engine)

Which rows have one is said in `scoring.rows`; how they are scored, in the method's own file.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from workbench.engines import Engine, HookedEngine, batch_tokens, choose_engine
from workbench.errors import InputError
from workbench.models import Model, check_same_model
from workbench.scoring.losses import loss_scores
from workbench.scoring.method import Scored
from workbench.scoring.request import ScoreRequest
from workbench.scoring.rows import CheckedRows, Usable, check_rows, put_score
from workbench.scoring.sharding import SHARD_ROWS, shards
from workbench.scoring.tables import over_pool, row_frame, step_frame
from workbench.types import BadRow, Circuit, Progress, Sample, no_progress


@dataclass(frozen=True)
class ShardScores:
    """One row a sample, and for a method that scores steps one row a step (else None)."""

    rows: pd.DataFrame
    steps: pd.DataFrame | None = None


def check_request(request: ScoreRequest, model: Model, circuit: Circuit | None) -> None:
    """Raise InputError where a method lacks its heads or the heads are another model's."""
    if not request.method.needs_heads:
        return
    if circuit is None:
        raise InputError(
            f"the method {request.method.name} needs heads",
            do="run `workbench heads find` and pass --heads",
        )
    check_same_model(circuit.model, model.info)


def engine_for(model: Model, request: ScoreRequest) -> Engine:
    """The engine that was asked for; unchecked where the method does not run the model at all."""
    return choose_engine(model, request.engine) if request.runs_model else HookedEngine(model)


def score_samples(
    samples: Iterable[Sample | BadRow],
    *,
    request: ScoreRequest,
    engine: Engine,
    circuit: Circuit | None = None,
    on_progress: Progress = no_progress,
) -> pd.DataFrame:
    """Score every row: the columns of `scores.parquet`, in the order of the input."""
    check_request(request, engine.model, circuit)
    rows = list(samples)
    frames, n_done = [], 0
    for shard in shards(rows, most=SHARD_ROWS):
        frames.append(score_shard(shard, request=request, engine=engine, circuit=circuit).rows)
        n_done += len(shard)
        on_progress(n_done, len(rows), "rows scored")
    if not frames:
        raise InputError("there are no rows to score", expected="at least one row")
    return over_pool(pd.concat(frames, ignore_index=True), request.method)


def score_shard(
    rows: Sequence[Sample | BadRow],
    *,
    request: ScoreRequest,
    engine: Engine,
    circuit: Circuit | None,
) -> ShardScores:
    """The rows of one shard with score or status, before what the pool adds; and its steps."""
    return score_checked(
        check_rows(rows, request, engine.model), request=request, engine=engine, circuit=circuit
    )


def score_checked(
    checked: CheckedRows, *, request: ScoreRequest, engine: Engine, circuit: Circuit | None
) -> ShardScores:
    """`score_shard` of rows that have been checked; their records are filled in."""
    method = request.method
    if request.batch_tokens is None:
        request = replace(request, batch_tokens=batch_tokens(engine))
    scored = _score(checked.usable, request, engine, circuit)
    for row, found in zip(checked.usable, scored, strict=True):
        put_score(checked.records[row.place], found.columns, method)
    steps = None
    if method.has_steps:
        row_ids = [row.sample.row_id for row in checked.usable]
        steps = step_frame(row_ids, [found.steps for found in scored])
    return ShardScores(row_frame(checked.records, method), steps)


def _score(
    usable: Sequence[Usable], request: ScoreRequest, engine: Engine, circuit: Circuit | None
) -> list[Scored]:
    """What the method finds, and where it was asked for the loss of the solution beside it."""
    samples, rendered = [row.sample for row in usable], [row.rendered for row in usable]
    scored = request.method.score(engine, circuit, samples, rendered, request)
    if not request.adds_loss:
        return scored
    losses = loss_scores(engine, rendered, part="completion", batch_tokens=request.tokens)
    return [
        found._replace(columns={**found.columns, "loss": loss})
        for found, loss in zip(scored, losses, strict=True)
    ]
