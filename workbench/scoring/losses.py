"""Losses of samples as a score, for the methods that are made of them.

loss_scores(model, rendered, part="completion", batch_tokens=2048)
"""

from __future__ import annotations

from collections.abc import Sequence

from workbench.data import batches_by_length
from workbench.models import Model, Rendered, sample_losses


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
