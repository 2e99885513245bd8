"""Instruction-Following Difficulty (arXiv 2308.12032): the completion's loss, given over alone.

    SCORERS["ifd"].columns  # ("loss_given_prompt", "loss_alone")

Ours: alone means the completion's own tokens and nothing before them, and both means run over the
same tokens, all but the first, which nothing predicts there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from workbench.scoring.method import Method, Scored, once, too_few, window_tokens
from workbench.types import Circuit, Sample

if TYPE_CHECKING:
    from workbench.engines import Engine
    from workbench.models import Rendered
    from workbench.scoring.request import ScoreRequest


def score(
    engine: Engine,
    circuit: Circuit | None,
    samples: Sequence[Sample],
    rendered: Sequence[Rendered],
    request: ScoreRequest,
) -> list[Scored]:
    """Loss of the completion given the prompt over its loss alone; NaN where that is 0."""
    from workbench.scoring.losses import loss_scores

    given, alone = (
        loss_scores(engine, rows, part="completion", batch_tokens=request.tokens)
        for rows in ([_without_first(r) for r in rendered], [_alone(r) for r in rendered])
    )
    return [Scored(_columns(*losses)) for losses in zip(given, alone, strict=True)]


def _columns(given: float, alone: float) -> dict[str, float]:
    score = given / alone if alone > 0 else float("nan")
    return {"score": score, "loss_given_prompt": given, "loss_alone": alone}


def _alone(rendered: Rendered) -> Rendered:
    """The tokens of the completion only."""
    from workbench.models import Rendered

    start, end = rendered.window("completion")
    return Rendered(rendered.ids[start:end], rendered.parts[start:end], is_text=False)


def _without_first(rendered: Rendered) -> Rendered:
    """The same tokens, of which the first of the completion is not counted."""
    from workbench.models import TEMPLATE, Rendered

    parts = rendered.parts.copy()
    parts[rendered.window("completion")[0]] = TEMPLATE
    return Rendered(rendered.ids, parts, is_text=False)


def too_short(sample: Sample, rendered: Rendered, request: ScoreRequest, n_ctx: int) -> str:
    """Without a prompt there is nothing to leave out, and the first token is not counted."""
    if rendered.is_text:
        return "plain text has no prompt to leave out"
    return too_few(window_tokens(rendered, "completion"), "completion", needed=2)


def sequences(rendered: Rendered, part: str, n_ctx: int) -> list[int]:
    """With the prompt, and without it."""
    return [len(rendered.ids), window_tokens(rendered, "completion")]


METHOD = Method(
    name="ifd",
    measures="loss of the completion given the prompt over its loss alone; lower: the prompt "
    "tells more of it",
    bias="The score is a ratio of losses and is noisy for short answers.",
    score=score,
    sequences=sequences,
    passes=once,
    too_short=too_short,
    part="completion",
    parts=("completion",),
    columns=("loss_given_prompt", "loss_alone"),
    known_loss="loss_given_prompt",
    divisor=("loss_alone", "loss without the prompt"),
)
