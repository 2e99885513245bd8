"""Losses of samples as a score, for the methods that are made of them.

loss_scores(engine, rendered, part="completion", batch_tokens=2048)
"""

from __future__ import annotations

from collections.abc import Sequence

from workbench.data import batches_by_length
from workbench.engines import Engine, sample_losses
from workbench.models import Rendered


def loss_scores(
    engine: Engine, rendered: Sequence[Rendered], *, part: str, batch_tokens: int
) -> list[float]:
    """Mean next-token loss over `part` in nats a token; NaN without counted tokens."""
    countable = [i for i, r in enumerate(rendered) if r.counted(part)[1:].any()]
    chosen = [rendered[i] for i in countable]
    batches = batches_by_length([len(r.ids) for r in chosen], max_tokens=batch_tokens)
    losses = [float("nan")] * len(rendered)
    for i, loss in zip(
        countable, sample_losses(engine, chosen, batches=batches, part=part), strict=True
    ):
        losses[i] = float(loss)
    return losses
