"""The scoring methods: `SCORERS` maps a method to the function that computes it.

scored = SCORERS["loss"](model, None, samples, rendered, ScoreOptions("loss"))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from workbench.data import batches_by_length
from workbench.models import Model, Rendered
from workbench.scoring.air import Step, air_scores
from workbench.scoring.circuitseer import (
    MIN_TOKENS,
    score_batch,
    variant_columns,
    without_sink,
)
from workbench.scoring.controls import (
    ifd_scores,
    length_scores,
    loss_scores,
    n_tokens,
    random_score,
)
from workbench.scoring.influence import influence_scores, n_counted
from workbench.scoring.options import ScoreOptions
from workbench.types import Circuit, Head, Sample

Columns = dict[str, float]


class Scored(NamedTuple):
    """One row: its columns, `score` among them, and its steps if the method has any."""

    columns: Columns
    steps: tuple[Step, ...] = ()


Scorer = Callable[
    [Model, "Circuit | None", Sequence[Sample], Sequence[Rendered], ScoreOptions], list[Scored]
]


def _circuitseer(
    model: Model,
    circuit: Circuit | None,
    samples: Sequence[Sample],
    rendered: Sequence[Rendered],
    options: ScoreOptions,
) -> list[Scored]:
    part, heads = options.scored_part, _heads(circuit)
    lengths = [r.window(part)[1] for r in rendered]
    columns: list[Columns] = [{} for _ in rendered]

    def work(batch: list[int]) -> None:
        chosen = [rendered[i] for i in batch]
        rows = score_batch(model, heads, chosen, part=part, per_head=options.per_head)
        for i, row in zip(batch, rows, strict=True):
            columns[i] = {**row, "score": row[options.column]}

    for batch in batches_by_length(lengths, max_tokens=options.tokens):
        model.memory.pieces(batch, lengths, work)
    return [Scored(row) for row in columns]


def _attention_influence(
    model: Model,
    circuit: Circuit | None,
    samples: Sequence[Sample],
    rendered: Sequence[Rendered],
    options: ScoreOptions,
) -> list[Scored]:
    rows = influence_scores(
        model,
        _heads(circuit),
        rendered,
        part=options.scored_part,
        batch_tokens=options.tokens,
    )
    return [Scored(row) for row in rows]


def _air(
    model: Model,
    circuit: Circuit | None,
    samples: Sequence[Sample],
    rendered: Sequence[Rendered],
    options: ScoreOptions,
) -> list[Scored]:
    return [Scored(*row) for row in air_scores(model, _heads(circuit), samples, rendered, options)]


def _loss(
    model: Model,
    circuit: Circuit | None,
    samples: Sequence[Sample],
    rendered: Sequence[Rendered],
    options: ScoreOptions,
) -> list[Scored]:
    losses = loss_scores(model, rendered, part=options.scored_part, batch_tokens=options.tokens)
    return [Scored({"score": loss}) for loss in losses]


def _ifd(
    model: Model,
    circuit: Circuit | None,
    samples: Sequence[Sample],
    rendered: Sequence[Rendered],
    options: ScoreOptions,
) -> list[Scored]:
    return [Scored(row) for row in ifd_scores(model, rendered, batch_tokens=options.tokens)]


def _length(
    model: Model,
    circuit: Circuit | None,
    samples: Sequence[Sample],
    rendered: Sequence[Rendered],
    options: ScoreOptions,
) -> list[Scored]:
    return [Scored({"score": n}) for n in length_scores(rendered, part=options.scored_part)]


def _random(
    model: Model,
    circuit: Circuit | None,
    samples: Sequence[Sample],
    rendered: Sequence[Rendered],
    options: ScoreOptions,
) -> list[Scored]:
    return [Scored({"score": random_score(s.row_id, seed=options.seed)}) for s in samples]


def _heads(circuit: Circuit | None) -> tuple[Head, ...]:
    assert circuit is not None  # check_request has seen to it
    return circuit.heads


SCORERS: dict[str, Scorer] = {
    "circuitseer": _circuitseer,
    "attention-influence": _attention_influence,
    "air": _air,
    "loss": _loss,
    "length": _length,
    "ifd": _ifd,
    "random": _random,
}


def own_columns(method: str) -> list[str]:
    """The columns of numbers that a method adds to the scores table."""
    return {
        "circuitseer": variant_columns(),
        "attention-influence": ["loss_base", "loss_weak", "n_windows"],
        "air": ["loss_base", "loss_weak", "n_steps_found"],
        "ifd": ["loss_given_prompt", "loss_alone"],
    }.get(method, [])


def tokens_needed(rendered: Rendered, options: ScoreOptions) -> int:
    """How many tokens must fit the model's context; 0 where a row is cut into windows."""
    if options.with_loss or options.method in ("loss", "air", "ifd"):
        return len(rendered.ids)
    return 0 if options.method == "attention-influence" else rendered.window(options.scored_part)[1]


def why_too_short(rendered: Rendered, options: ScoreOptions, *, n_ctx: int) -> str:
    """Why the part has too few tokens for the method; empty when it has enough."""
    part, method, without, needed = options.scored_part, options.method, "", 1
    n_usable = n_tokens(rendered, part)
    if method == "circuitseer":
        needed = MIN_TOKENS
        if options.drop_sink:
            start, end = without_sink(rendered, part)
            n_usable, without = max(0, end - start), " without the sink"
    elif method == "attention-influence":
        n_usable = n_counted(rendered, part=part, n_ctx=n_ctx)
    elif method in ("loss", "air"):
        # A first token has nothing that predicts it.
        n_usable = int(rendered.counted(part)[1:].sum())
        without = ", so there are no steps" if method == "air" else ""
    elif method == "ifd":
        if rendered.is_text:
            return "plain text has no prompt to leave out"
        needed = 2
    if n_usable >= needed:
        return ""
    return f"{n_usable} tokens of {part}{without}, at least {needed} are needed"
