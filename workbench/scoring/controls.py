"""Scores that know nothing of heads: length, loss, chance. Every other score is held against them.

length_scores(rendered, part="prompt")
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from workbench.data import batches_by_length
from workbench.models import TEMPLATE, Model, Rendered, sample_losses


def loss_scores(
    model: Model, rendered: Sequence[Rendered], *, part: str, batch_tokens: int
) -> list[float]:
    """Mean next-token loss over `part` in nats a token; NaN without counted tokens."""
    countable = [i for i, r in enumerate(rendered) if r.counted(part)[1:].any()]
    chosen = [rendered[i] for i in countable]
    batches = batches_by_length([len(r.ids) for r in chosen], max_tokens=batch_tokens)
    losses = [float("nan")] * len(rendered)
    for i, loss in zip(
        countable, sample_losses(model, chosen, batches=batches, part=part), strict=True
    ):
        losses[i] = float(loss)
    return losses


def ifd_scores(
    model: Model, rendered: Sequence[Rendered], *, batch_tokens: int
) -> list[dict[str, float]]:
    """Loss of the completion given the prompt over its loss alone (IFD, arXiv 2308.12032).

    Ours: alone means the completion's own tokens and nothing before them, and both means run over
    the same tokens, all but the first, which nothing predicts there. NaN where the loss alone is 0.
    """
    alone = [_alone(r) for r in rendered]
    later = [_without_first(r) for r in rendered]
    given = loss_scores(model, later, part="completion", batch_tokens=batch_tokens)
    by_itself = loss_scores(model, alone, part="completion", batch_tokens=batch_tokens)
    return [
        {
            "score": with_prompt / without if without > 0 else float("nan"),
            "loss_given_prompt": with_prompt,
            "loss_alone": without,
        }
        for with_prompt, without in zip(given, by_itself, strict=True)
    ]


def _alone(rendered: Rendered) -> Rendered:
    """The tokens of the completion only."""
    start, end = rendered.window("completion")
    return Rendered(rendered.ids[start:end], rendered.parts[start:end], is_text=False)


def _without_first(rendered: Rendered) -> Rendered:
    """The same tokens, of which the first of the completion is not counted."""
    parts = rendered.parts.copy()
    parts[rendered.window("completion")[0]] = TEMPLATE
    return Rendered(rendered.ids, parts, is_text=False)


def length_scores(rendered: Sequence[Rendered], *, part: str) -> list[float]:
    """Number of tokens of `part`, leading template tokens included."""
    return [float(n_tokens(r, part)) for r in rendered]


def n_tokens(rendered: Rendered, part: str) -> int:
    """Tokens of the sequence that a score over `part` is taken on."""
    start, end = rendered.window(part)
    return end - start


def random_score(row_id: str, *, seed: int) -> float:
    """A number in [0, 1) that depends on nothing but the row's id and the seed."""
    digest = hashlib.sha256(f"{seed} {row_id}".encode()).digest()
    return int.from_bytes(digest[:7]) / 2**56
