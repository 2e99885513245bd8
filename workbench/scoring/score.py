"""One score a row, for any method: `SCORERS` maps a method to the function that computes it.

    frame = score_samples(samples, options=options, model=model, circuit=circuit)

A row that cannot be scored keeps its place with a status and a reason: `malformed`, `too_short`,
`truncated` (longer than the model's context, so it would have to be cut) or `failed`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from workbench.data import batches_by_length
from workbench.errors import InputError
from workbench.models import Model, Rendered, UnrenderableError, check_same_model, render
from workbench.scoring.circuitseer import (
    MIN_TOKENS,
    score_batch,
    variant_columns,
    without_sink,
)
from workbench.scoring.controls import length_scores, loss_scores, n_tokens, random_score
from workbench.scoring.correlation import LABELS
from workbench.scoring.variance import VARIANTS
from workbench.scoring.within_length import score_within_length
from workbench.types import BadRow, Circuit, Progress, Sample, no_progress

SHARD_ROWS = 512
PARTS = ("prompt", "completion", "all")


@dataclass(frozen=True)
class ScoreOptions:
    """What is asked. `part` None takes the method's own: the solution for `loss`, else the prompt.

    `with_loss` adds the column `loss` (the solution's, one more pass through all layers).
    """

    method: str
    variant: str = "paper"
    drop_sink: bool = False
    part: str | None = None
    per_head: bool = False
    with_loss: bool = False
    batch_tokens: int = 2048
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value, allowed in (
            ("method", self.method, tuple(SCORERS)),
            ("variant", self.variant, tuple(VARIANTS)),
            ("part", self.part, (None, *PARTS)),
        ):
            if value not in allowed:
                known = ", ".join(str(a) for a in allowed if a)
                raise InputError(f"the {name} is '{value}'", expected=f"one of {known}")

    @property
    def scored_part(self) -> str:
        return self.part or ("completion" if self.method == "loss" else "prompt")

    @property
    def column(self) -> str:
        """The column of a CircuitSeer result that becomes `score`."""
        return self.variant + ("_no_sink" if self.drop_sink else "")


Columns = dict[str, float]
Scorer = Callable[
    [Model, "Circuit | None", Sequence[Sample], Sequence[Rendered], ScoreOptions], list[Columns]
]


def _circuitseer(
    model: Model,
    circuit: Circuit | None,
    samples: Sequence[Sample],
    rendered: Sequence[Rendered],
    options: ScoreOptions,
) -> list[Columns]:
    assert circuit is not None
    part = options.scored_part
    lengths = [r.window(part)[1] for r in rendered]
    columns: list[Columns] = [{} for _ in rendered]
    for batch in batches_by_length(lengths, max_tokens=options.batch_tokens):
        chosen = [rendered[i] for i in batch]
        rows = score_batch(model, circuit.heads, chosen, part=part, per_head=options.per_head)
        for i, row in zip(batch, rows, strict=True):
            columns[i] = {**row, "score": row[options.column]}
    return columns


def _loss(
    model: Model,
    circuit: Circuit | None,
    samples: Sequence[Sample],
    rendered: Sequence[Rendered],
    options: ScoreOptions,
) -> list[Columns]:
    losses = loss_scores(
        model, rendered, part=options.scored_part, batch_tokens=options.batch_tokens
    )
    return [{"score": loss} for loss in losses]


def _length(
    model: Model,
    circuit: Circuit | None,
    samples: Sequence[Sample],
    rendered: Sequence[Rendered],
    options: ScoreOptions,
) -> list[Columns]:
    return [{"score": n} for n in length_scores(rendered, part=options.scored_part)]


def _random(
    model: Model,
    circuit: Circuit | None,
    samples: Sequence[Sample],
    rendered: Sequence[Rendered],
    options: ScoreOptions,
) -> list[Columns]:
    return [{"score": random_score(sample.row_id, seed=options.seed)} for sample in samples]


SCORERS: dict[str, Scorer] = {
    "circuitseer": _circuitseer,
    "loss": _loss,
    "length": _length,
    "random": _random,
}
NEEDS_HEADS = ("circuitseer",)


def check_request(options: ScoreOptions, model: Model, circuit: Circuit | None) -> None:
    """Raise InputError where a method lacks its heads or the heads are another model's."""
    if options.method in NEEDS_HEADS:
        if circuit is None:
            raise InputError(
                f"the method {options.method} needs heads",
                do="run `workbench heads find` and pass --heads",
            )
        check_same_model(circuit.model, model.info)


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
    rows = list(samples)
    shards = [rows[i : i + SHARD_ROWS] for i in range(0, len(rows), SHARD_ROWS)]
    frames = []
    for n_done, shard in enumerate(shards):
        frames.append(score_shard(shard, options=options, model=model, circuit=circuit))
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
) -> pd.DataFrame:
    """The rows of one shard with score or status; without `score_within_length`."""
    records = [_record(row) for row in rows]
    usable: list[tuple[int, Sample, Rendered]] = []
    for i, row in enumerate(rows):
        rendered = None if isinstance(row, BadRow) else _check(row, model, options, records[i])
        if rendered is not None and isinstance(row, Sample):
            usable.append((i, row, rendered))
    samples, rendered_rows = [s for _, s, _ in usable], [r for _, _, r in usable]
    columns = SCORERS[options.method](model, circuit, samples, rendered_rows, options)
    if options.with_loss and options.method != "loss":
        losses = loss_scores(
            model, rendered_rows, part="completion", batch_tokens=options.batch_tokens
        )
        columns = [{**c, "loss": loss} for c, loss in zip(columns, losses, strict=True)]
    for (i, _, _), values in zip(usable, columns, strict=True):
        _put(records[i], values)
    return _frame(records, options)


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
    needed = len(rendered.ids) if options.with_loss else rendered.window(part)[1]
    if options.method == "loss":
        needed = len(rendered.ids)
    if needed > model.n_ctx:
        reason = f"{needed} tokens do not fit the model's context of {model.n_ctx}"
        record |= {"status": "truncated", "reason": reason}
        return None
    if reason := _too_short(rendered, options):
        record |= {"status": "too_short", "reason": reason}
        return None
    return rendered


def _too_short(rendered: Rendered, options: ScoreOptions) -> str:
    """Why the part has too few tokens for the method; empty when it has enough."""
    part, without, needed = options.scored_part, "", 1
    n_usable = n_tokens(rendered, part)
    if options.method in NEEDS_HEADS:
        needed = MIN_TOKENS
        if options.drop_sink:
            start, end = without_sink(rendered, part)
            n_usable, without = max(0, end - start), " without the sink"
    elif options.method == "loss":
        # A first token has nothing that predicts it.
        n_usable = int(rendered.counted(part)[1:].sum())
    if n_usable >= needed:
        return ""
    return f"{n_usable} tokens of {part}{without}, at least {needed} are needed"


def _put(record: dict[str, Any], values: Columns) -> None:
    record |= {name: v if math.isfinite(v) else None for name, v in values.items()}
    if record["score"] is None:
        record |= {"status": "failed", "reason": "the score is not a finite number"}


def _number(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None


def _frame(records: list[dict[str, Any]], options: ScoreOptions) -> pd.DataFrame:
    """Records as columns of fixed types, so that every shard has the same schema."""
    extra = list(LABELS)
    if options.method == "circuitseer":
        extra += variant_columns()
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
