"""CircuitSeer (arXiv 2510.18470): how unevenly the circuit's attention falls on a sample's tokens.

    ScoreRequest.of("circuitseer", variant="excess", drop_sink=True).own.column  # "excess_no_sink"

One clean pass, only up to the circuit's last layer; every variant comes from that pass. The
formulas are those of `scoring.variance`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.options import option
from workbench.scoring.method import (
    Method,
    Scored,
    heads_of,
    too_few,
    up_to_part,
    window_tokens,
)
from workbench.types import Circuit, Sample

if TYPE_CHECKING:
    from workbench.models import Model, Rendered
    from workbench.scoring.request import ScoreRequest

# The keys of `scoring.variance.VARIANTS`, which is slow to import; there is a test.
VARIANTS = ("paper", "cv2", "excess")


@dataclass(frozen=True)
class CircuitSeerOptions:
    """Which of the variants becomes the score; all of them are columns."""

    variant: str = option("paper", "How unevenness is measured.", choices=VARIANTS)
    drop_sink: bool = option(False, "Leave out the first and leading template tokens.")
    per_head: bool = option(False, "Average the heads' variances, not their attention.")

    @property
    def column(self) -> str:
        return self.variant + ("_no_sink" if self.drop_sink else "")


def variant_columns() -> list[str]:
    """Names of all variants, each with and without the sink: `paper`, `paper_no_sink`, ..."""
    return [name + suffix for name in VARIANTS for suffix in ("", "_no_sink")]


def score(
    model: Model,
    circuit: Circuit | None,
    samples: Sequence[Sample],
    rendered: Sequence[Rendered],
    request: ScoreRequest,
) -> list[Scored]:
    from workbench.data import batches_by_length
    from workbench.scoring.unevenness import score_batch

    own: CircuitSeerOptions = request.own
    part, heads = request.scored_part, heads_of(circuit)
    lengths = [r.window(part)[1] for r in rendered]
    columns: list[dict[str, float]] = [{} for _ in rendered]

    def work(batch: list[int]) -> None:
        chosen = [rendered[i] for i in batch]
        rows = score_batch(model, heads, chosen, part=part, per_head=own.per_head)
        for i, row in zip(batch, rows, strict=True):
            columns[i] = {**row, "score": row[own.column]}

    for batch in batches_by_length(lengths, max_tokens=request.tokens):
        model.memory.pieces(batch, lengths, work)
    return [Scored(row) for row in columns]


def too_short(sample: Sample, rendered: Rendered, request: ScoreRequest, n_ctx: int) -> str:
    """The variance of fewer than two tokens means nothing."""
    from workbench.scoring.unevenness import MIN_TOKENS, without_sink

    part = request.scored_part
    if not request.own.drop_sink:
        return too_few(window_tokens(rendered, part), part, needed=MIN_TOKENS)
    start, end = without_sink(rendered, part)
    return too_few(max(0, end - start), f"{part} without the sink", needed=MIN_TOKENS)


def passes(circuit: Circuit | None, n_layers: int) -> float:
    """The layers up to the circuit's last."""
    return (max(head.layer for head in heads_of(circuit)) + 1) / n_layers


def extras(request: ScoreRequest, n_ctx: int) -> dict[str, Any]:
    return {"variant": request.own.column}


METHOD = Method(
    name="circuitseer",
    measures="how unevenly the circuit's heads spread their attention over the tokens; higher: "
    "some tokens receive much more than others",
    bias="The score follows prompt length and the attention sink. In its literal form "
    "(variant paper) it prefers short prompts, the variant excess prefers long ones.",
    score=score,
    sequences=up_to_part,
    passes=passes,
    too_short=too_short,
    options=CircuitSeerOptions,
    needs_heads=True,
    columns=tuple(variant_columns()),
    correlated=tuple(variant_columns()),
    extras=extras,
    exported=("variant", "drop_sink"),
    variant="variant",
)
