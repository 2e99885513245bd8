"""AIR: the influence of the chosen heads on every reasoning step, and on the sample as a whole.

    for columns, steps in air_scores(model, circuit.heads, samples, rendered, options): ...

AIR, arXiv 2512.13279, section 3: the relative rise of the loss in the weakened model, over the
tokens of a step and over the completion. The paper's exact formula is not public. Ours: the base
loss is floored (0.05 nats), or the difference is left absolute; steps as in `scoring.steps`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float64, Int64

from workbench.ablation import weakened_losses
from workbench.data import batches_by_length
from workbench.models import Model, Rendered, counted_mask, padded
from workbench.scoring.options import ScoreOptions
from workbench.scoring.steps import join_short, split_steps, step_of_token
from workbench.scoring.weights import step_weights
from workbench.types import Head, Sample

STEP_TYPES = {
    "step": "int32",
    "start_char": "int32",
    "end_char": "int32",
    "n_tokens": "int32",
    "loss_base": "float64",
    "loss_weak": "float64",
    "score": "float64",
    "weight": "float64",
}


class Step(NamedTuple):
    """A step: characters of the completion, counted tokens, losses in nats a token, weight."""

    start_char: int
    end_char: int
    n_tokens: int
    loss_base: float
    loss_weak: float
    score: float
    weight: float


class AirScore(NamedTuple):
    columns: dict[str, float]
    steps: tuple[Step, ...]


def air_scores(
    model: Model,
    heads: Sequence[Head],
    samples: Sequence[Sample],
    rendered: Sequence[Rendered],
    options: ScoreOptions,
) -> list[AirScore]:
    """Score and steps of each sample; each has at least one counted completion token."""
    scores: list[AirScore | None] = [None] * len(rendered)
    lengths = [len(r.ids) for r in rendered]

    def work(batch: list[int]) -> None:
        chosen = [rendered[i] for i in batch]
        ids, counted = (
            padded([r.ids for r in chosen], model.pad_id),
            counted_mask(chosen, "completion"),
        )
        losses = weakened_losses(model, heads, ids, counted)
        base, weak = losses.base.double().cpu().numpy(), losses.weak.double().cpu().numpy()
        for row, i in enumerate(batch):
            places = np.flatnonzero(counted[row].numpy())
            tokens = base[row, places], weak[row, places]
            scores[i] = score_steps(samples[i], rendered[i], places, tokens, options)

    for batch in batches_by_length(lengths, max_tokens=options.tokens):
        model.memory.pieces(batch, lengths, work)
    return [score for score in scores if score is not None]


def score_steps(
    sample: Sample,
    rendered: Rendered,
    places: Int64[np.ndarray, " token"],
    losses: tuple[Float64[np.ndarray, " token"], Float64[np.ndarray, " token"]],
    options: ScoreOptions,
) -> AirScore:
    """The sample and its steps from the clean and weakened losses of its tokens at `places`.

    A token belongs to the step that holds its first character.
    """
    spans, step = steps_of(sample, rendered, places)
    n_tokens = np.bincount(step, minlength=len(spans))
    base, weak = (np.bincount(step, loss, minlength=len(spans)) / n_tokens for loss in losses)
    scores = air_score(base, weak, options)
    weights = step_weights(
        scores, n_tokens, rule=options.weights, temperature=options.temperature, top=options.top
    )
    table = zip(*zip(*spans, strict=True), n_tokens, base, weak, scores, weights, strict=True)
    whole = np.array([losses[0].mean()]), np.array([losses[1].mean()])
    columns = {
        "score": float(air_score(*whole, options)[0]),
        "loss_base": float(whole[0][0]),
        "loss_weak": float(whole[1][0]),
        "n_steps_found": float(len(spans)),
    }
    return AirScore(
        columns, tuple(Step(a, b, int(n), *map(float, rest)) for a, b, n, *rest in table)
    )


def steps_of(
    sample: Sample, rendered: Rendered, places: Int64[np.ndarray, " token"]
) -> tuple[list[tuple[int, int]], Int64[np.ndarray, " token"]]:
    """Spans that cover the completion (of plain text: the text), and the step of each token."""
    chars = rendered.char_spans()[places]
    spans = split_steps(solution_of(sample))
    spans = join_short(spans, step_of_token(chars, spans))
    return spans, step_of_token(chars, spans)


def solution_of(sample: Sample) -> str:
    """What has steps: the completion; plain text is its own solution."""
    return sample.text if sample.text is not None else sample.completion


def air_score(
    base: Float64[np.ndarray, " step"], weak: Float64[np.ndarray, " step"], options: ScoreOptions
) -> Float64[np.ndarray, " step"]:
    """`(L_weak - L_base) / max(L_base, floor)`, or the difference alone."""
    rise = weak - base
    return rise if options.absolute else rise / np.maximum(base, options.floor)


def step_frame(row_ids: Sequence[str], steps: Sequence[Sequence[Step]]) -> pd.DataFrame:
    """The rows of `steps.parquet`, with fixed types also where there are none."""
    records = [
        {"row_id": row_id, "step": number, **step._asdict()}
        for row_id, of_row in zip(row_ids, steps, strict=True)
        for number, step in enumerate(of_row)
    ]
    frame = pd.DataFrame(records, columns=["row_id", *STEP_TYPES])
    return frame.astype({"row_id": "str", **STEP_TYPES})
