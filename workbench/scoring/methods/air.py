"""AIR: the influence of the chosen heads on every reasoning step, and on the sample as a whole.

    ScoreRequest.of("air", floor=0.1, weights="softmax").own

arXiv 2512.13279, section 3: the relative rise of the loss in the weakened model, over the
tokens of a step and over the completion. The formulas are those of `scoring.step_scores`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.answer_marks import answer_start
from workbench.options import option
from workbench.scoring.method import Method, Scored, heads_of, too_few, weakened, whole
from workbench.types import Circuit, Sample

if TYPE_CHECKING:
    from workbench.engines import Engine
    from workbench.models import Rendered
    from workbench.scoring.request import ScoreRequest

# The keys of `scoring.weights.WEIGHTS`, which is slow to import; there is a test.
WEIGHTS = ("top-fraction", "softmax", "linear")
NO_STEPS = ", so there are no steps"


@dataclass(frozen=True)
class AirOptions:
    """How a rise of the loss becomes a score, and steps are weighted for training."""

    absolute: bool = option(False, "Rise of the loss in nats, undivided.")
    floor: float = option(0.05, "Least base loss that a rise is divided by.", low=0, open_low=True)
    weights: str = option("top-fraction", "How steps are weighted for training.", choices=WEIGHTS)
    temperature: float = option(1.0, "Of the weights softmax and linear.", low=0, open_low=True)
    top: float = option(
        0.2, "Share of steps that the weights top-fraction double.", low=0, high=1, open_low=True
    )


def score(
    engine: Engine,
    circuit: Circuit | None,
    samples: Sequence[Sample],
    rendered: Sequence[Rendered],
    request: ScoreRequest,
) -> list[Scored]:
    """Score and steps of each sample; each has at least one counted completion token."""
    from workbench.ablation import weakened_losses
    from workbench.data import batches_by_length
    from workbench.engines import batch_of
    from workbench.scoring.step_scores import score_steps

    heads, part = heads_of(circuit), request.scored_part
    lengths = [len(r.ids) for r in rendered]
    scores: dict[int, Scored] = {}

    def work(batch: list[int]) -> None:
        chosen = [rendered[i] for i in batch]
        ids, counted = batch_of(engine.model, chosen, part)
        losses = weakened_losses(engine, heads, ids, counted)
        base, weak = losses.base.double().cpu().numpy(), losses.weak.double().cpu().numpy()
        for row, i in enumerate(batch):
            at = counted[row].numpy().nonzero()[0]
            chars, tokens = rendered[i].char_spans()[at], (base[row, at], weak[row, at])
            scores[i] = score_steps(solution_of(samples[i], part), chars, tokens, request.own)

    for batch in batches_by_length(lengths, max_tokens=request.tokens):
        engine.memory.pieces(batch, lengths, work)
    return [scores[i] for i in range(len(rendered))]


def solution_of(sample: Sample, part: str) -> str:
    """What has steps: the completion, or what stands before its answer; plain text all of it."""
    if sample.text is not None:
        return sample.text
    end = answer_start(sample.completion) if part == "reasoning" else None
    return sample.completion[:end]


def too_short(sample: Sample, rendered: Rendered, request: ScoreRequest, n_ctx: int) -> str:
    """A step needs a counted token and something to read; a first token is not counted."""
    part = request.scored_part
    if reason := too_few(int(rendered.counted(part)[1:].sum()), f"{part}{NO_STEPS}"):
        return reason
    return "" if solution_of(sample, part).strip() else f"the {part} is blank{NO_STEPS}"


def extras(request: ScoreRequest, n_ctx: int) -> dict[str, Any]:
    own: AirOptions = request.own
    floor = None if own.absolute else own.floor
    return {"steps": {"rule": own.weights, "absolute": own.absolute, "floor": floor}}


METHOD = Method(
    name="air",
    measures="the rise of the solution's loss, in shares of itself, when the circuit's heads are "
    "uniform together, also step by step; higher: needs looking back",
    bias="The score is relative to the model's loss on the row, so rows the model already "
    "predicts well can score high on a small absolute change.",
    score=score,
    sequences=whole,
    passes=weakened,
    too_short=too_short,
    options=AirOptions,
    part="completion",
    parts=("completion", "reasoning"),
    needs_heads=True,
    has_steps=True,
    columns=("loss_base", "loss_weak", "n_steps_found"),
    extras=extras,
    exported=("absolute", "floor"),
)
