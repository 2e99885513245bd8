"""One score a row, for any method: from samples to the table of scores.

    frame = score_samples(samples, options=options, model=model, circuit=circuit)

A row that cannot be scored keeps its place with a status and a reason: `malformed`, `too_short`,
`truncated` (longer than the model's context, so it would have to be cut) or `failed`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from workbench.errors import InputError
from workbench.models import (
    Model,
    Rendered,
    UnrenderableError,
    batch_tokens,
    check_same_model,
    render,
    with_engine,
)
from workbench.scoring.air import solution_of, step_frame
from workbench.scoring.controls import loss_scores, n_tokens
from workbench.scoring.correlation import LABELS
from workbench.scoring.methods import (
    SCORERS,
    Columns,
    Scored,
    own_columns,
    tokens_needed,
    why_too_short,
)
from workbench.scoring.options import MODEL_FREE, NEEDS_HEADS, ScoreOptions
from workbench.scoring.within_length import score_within_length
from workbench.types import BadRow, Circuit, Progress, Sample, no_progress

SHARD_ROWS = 512


@dataclass(frozen=True)
class ShardScores:
    """One row a sample, and for a method that scores steps one row a step (else None)."""

    rows: pd.DataFrame
    steps: pd.DataFrame | None = None


def check_request(options: ScoreOptions, model: Model, circuit: Circuit | None) -> None:
    """Raise InputError where a method lacks its heads or the heads are another model's."""
    if options.method in NEEDS_HEADS:
        if circuit is None:
            raise InputError(
                f"the method {options.method} needs heads",
                do="run `workbench heads find` and pass --heads",
            )
        check_same_model(circuit.model, model.info)


def on_engine(model: Model, options: ScoreOptions) -> Model:
    """The model on the engine that was asked for, where the method runs it at all."""
    runs = options.with_loss or options.method not in MODEL_FREE
    return with_engine(model, options.engine) if runs else model


def score_samples(
    samples: Iterable[Sample | BadRow],
    *,
    options: ScoreOptions,
    model: Model,
    circuit: Circuit | None = None,
    on_progress: Progress = no_progress,
) -> pd.DataFrame:
    """Score every row: the columns of `scores.parquet`, in the order of the input."""
    check_request(options, model, circuit)
    model = on_engine(model, options)
    rows = list(samples)
    shards = [rows[i : i + SHARD_ROWS] for i in range(0, len(rows), SHARD_ROWS)]
    frames = []
    for n_done, shard in enumerate(shards):
        frames.append(score_shard(shard, options=options, model=model, circuit=circuit).rows)
        on_progress(min((n_done + 1) * SHARD_ROWS, len(rows)), len(rows), "rows scored")
    if not frames:
        raise InputError("there are no rows to score", expected="at least one row")
    return add_within_length(pd.concat(frames, ignore_index=True))


def score_shard(
    rows: Sequence[Sample | BadRow],
    *,
    options: ScoreOptions,
    model: Model,
    circuit: Circuit | None,
) -> ShardScores:
    """The rows of one shard with score or status, without `score_within_length`; and its steps.

    On the engine that `model` has, the hooked one unless `on_engine` has chosen.
    """
    options = _with_budget(options, model)
    records = [_record(row) for row in rows]
    usable: list[tuple[int, Sample, Rendered]] = []
    for i, row in enumerate(rows):
        rendered = None if isinstance(row, BadRow) else _check(row, model, options, records[i])
        if rendered is not None and isinstance(row, Sample):
            usable.append((i, row, rendered))
    samples, rendered_rows = [s for _, s, _ in usable], [r for _, _, r in usable]
    scored = SCORERS[options.method](model, circuit, samples, rendered_rows, options)
    if options.with_loss and options.method != "loss":
        losses = loss_scores(model, rendered_rows, part="completion", batch_tokens=options.tokens)
        scored = [
            Scored({**s.columns, "loss": loss}, s.steps)
            for s, loss in zip(scored, losses, strict=True)
        ]
    for (i, _, _), values in zip(usable, scored, strict=True):
        _put(records[i], values.columns)
    return ShardScores(_frame(records, options), _steps(samples, scored, options))


def _with_budget(options: ScoreOptions, model: Model) -> ScoreOptions:
    if options.batch_tokens is not None:
        return options
    return replace(options, batch_tokens=batch_tokens(model))


def _steps(
    samples: Sequence[Sample], scored: Sequence[Scored], options: ScoreOptions
) -> pd.DataFrame | None:
    if options.method != "air":
        return None
    return step_frame([sample.row_id for sample in samples], [s.steps for s in scored])


def _record(row: Sample | BadRow) -> dict[str, Any]:
    record: dict[str, Any] = {
        "row_id": row.row_id,
        "row_index": row.row_index,
        "source": row.source,
        "n_tokens": 0,
        "n_tokens_row": 0,
        "score": None,
        "status": "ok",
        "reason": "",
    }
    if isinstance(row, BadRow):
        return {**record, "status": "malformed", "reason": row.reason}
    return {**record, **{name: _number(row.row.get(name)) for name in LABELS}}


def _check(
    sample: Sample, model: Model, options: ScoreOptions, record: dict[str, Any]
) -> Rendered | None:
    """The sample's tokens, or None with the reason in `record`."""
    try:
        rendered = render(sample, model.tokenizer)
    except UnrenderableError as err:
        record |= {"status": "malformed", "reason": str(err)}
        return None
    part = options.scored_part
    record |= {"n_tokens": n_tokens(rendered, part), "n_tokens_row": len(rendered.ids)}
    needed = tokens_needed(rendered, options)
    if needed > model.n_ctx:
        reason = f"{needed} tokens do not fit the model's context of {model.n_ctx}"
        record |= {"status": "truncated", "reason": reason}
        return None
    if reason := why_too_short(rendered, options, n_ctx=model.n_ctx):
        record |= {"status": "too_short", "reason": reason}
        return None
    if options.method == "air" and not solution_of(sample).strip():
        reason = "the completion is blank, so there are no steps"
        record |= {"status": "too_short", "reason": reason}
        return None
    return rendered


def _put(record: dict[str, Any], values: Columns) -> None:
    record |= {name: v if math.isfinite(v) else None for name, v in values.items()}
    if record["score"] is None:
        record |= {"status": "failed", "reason": _why_failed(values)}


def _why_failed(values: Columns) -> str:
    for name, what in (("loss_base", "base loss"), ("loss_alone", "loss without the prompt")):
        if values.get(name) == 0:
            return f"the {what} is 0, so the score would divide by it"
    return "the score is not a finite number"


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None


def _frame(records: list[dict[str, Any]], options: ScoreOptions) -> pd.DataFrame:
    """Records as columns of fixed types, so that every shard has the same schema."""
    extra = [*LABELS, *own_columns(options.method)]
    names = ["row_id", "row_index", "source", "n_tokens", "n_tokens_row", "score", "status"]
    frame = pd.DataFrame(records).reindex(columns=[*names, "reason", *extra])
    types: dict[str, str] = {"row_index": "int64", "n_tokens": "int32", "n_tokens_row": "int32"}
    return frame.astype(types | dict.fromkeys(["score", *extra], "float64"))


def add_within_length(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with `score_within_length` beside `score`; a step over the whole pool."""
    percentiles = score_within_length(
        frame["score"].to_numpy(), frame["n_tokens"].to_numpy(), frame["row_id"].tolist()
    )
    place = list(frame.columns).index("score") + 1
    frame = frame.copy()
    frame.insert(place, "score_within_length", percentiles)
    return frame
