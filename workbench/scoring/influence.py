"""AttentionInfluence: how much worse a document is predicted without the chosen heads.

    rows = influence_scores(model, circuit.heads, rendered, part="all", batch_tokens=2048)

AttentionInfluence, arXiv 2505.07293, section 3: `(L_weak - L_base) / L_base` over the whole
document, where all heads are uniform together in the weakened model. Compare within a domain only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from workbench.ablation import WeakenedLosses, weakened_losses
from workbench.data import batches_by_length
from workbench.models import Model, Rendered, padded
from workbench.types import Head

WINDOW_RULE = (
    "documents longer than the model's context are cut into consecutive windows of that many "
    "tokens; a window's first token is not counted, a last window of one token is left out, and "
    "the loss is the mean over all counted tokens"
)


@dataclass(frozen=True)
class Window:
    """A stretch of a document that fits the model: token ids, and which of them are counted."""

    row: int
    ids: tuple[int, ...]
    counted: tuple[bool, ...]


def windows(rendered: Rendered, *, row: int, part: str, n_ctx: int) -> list[Window]:
    """The document up to the last token of `part`, cut by `WINDOW_RULE`."""
    end = rendered.window(part)[1]
    counted = rendered.counted(part)[:end].tolist()
    cut = []
    for start in range(0, end, n_ctx):
        stop = min(start + n_ctx, end)
        if stop - start >= 2:
            marks = (False, *counted[start + 1 : stop])
            cut.append(Window(row, rendered.ids[start:stop], marks))
    return cut


def n_counted(rendered: Rendered, *, part: str, n_ctx: int) -> int:
    """Tokens that the score is a mean over."""
    return sum(sum(w.counted) for w in windows(rendered, row=0, part=part, n_ctx=n_ctx))


def influence_scores(
    model: Model,
    heads: Sequence[Head],
    rendered: Sequence[Rendered],
    *,
    part: str,
    batch_tokens: int,
) -> list[dict[str, float]]:
    """`score`, `loss_base`, `loss_weak` (nats a token) and `n_windows` of each document.

    The score is NaN where the base loss is 0; each document has at least one counted token.
    """
    cut = [
        window
        for row, r in enumerate(rendered)
        for window in windows(r, row=row, part=part, n_ctx=model.n_ctx)
    ]
    base, weak = torch.zeros(2, len(rendered), dtype=torch.float64)
    n_tokens, n_windows = [0] * len(rendered), [0] * len(rendered)
    lengths = [len(w.ids) for w in cut]

    def work(batch: list[int]) -> WeakenedLosses:
        chosen = [cut[i] for i in batch]
        ids, counted = padded([w.ids for w in chosen], model.pad_id), counted_of(chosen)
        return weakened_losses(model, heads, ids, counted)

    for batch in batches_by_length(lengths, max_tokens=batch_tokens):
        for piece, losses in model.memory.pieces(batch, lengths, work):
            for i, window in enumerate(cut[place] for place in piece):
                base[window.row] += losses.base[i].double().sum().cpu()
                weak[window.row] += losses.weak[i].double().sum().cpu()
                n_tokens[window.row] += sum(window.counted)
                n_windows[window.row] += 1
    return [
        {**influence_columns(float(base[i]) / n, float(weak[i]) / n), "n_windows": n_windows[i]}
        for i, n in enumerate(n_tokens)
    ]


def counted_of(chosen: Sequence[Window]) -> Tensor:
    return padded([[int(mark) for mark in w.counted] for w in chosen], 0).bool()


def influence_columns(base: float, weak: float) -> dict[str, float]:
    """The relative difference and both losses; NaN where the base loss is 0."""
    score = (weak - base) / base if base > 0 else float("nan")
    return {"score": score, "loss_base": base, "loss_weak": weak}
