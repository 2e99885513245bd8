"""AttentionInfluence: how much worse a document is predicted without the chosen heads.

    cut = windows(rendered[0], row=0, part="all", n_ctx=2048)

arXiv 2505.07293, section 3: `(L_weak - L_base) / L_base` over the whole
document, where all heads are uniform together in the weakened model. Compare within a domain only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from workbench.scoring.method import Method, Scored, heads_of, too_few, weakened
from workbench.types import Circuit, Sample

if TYPE_CHECKING:
    from workbench.ablation import WeakenedLosses
    from workbench.engines import Engine
    from workbench.models import Rendered
    from workbench.scoring.request import ScoreRequest

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


def score(
    engine: Engine,
    circuit: Circuit | None,
    samples: Sequence[Sample],
    rendered: Sequence[Rendered],
    request: ScoreRequest,
) -> list[Scored]:
    """The score, both losses (nats a token) and the number of windows of each document."""
    from workbench.ablation import weakened_losses
    from workbench.data import batches_by_length
    from workbench.models import padded

    part, heads = request.scored_part, heads_of(circuit)
    cut = [
        window
        for row, r in enumerate(rendered)
        for window in windows(r, row=row, part=part, n_ctx=engine.model.n_ctx)
    ]
    lengths, base, weak = [len(w.ids) for w in cut], [0.0] * len(rendered), [0.0] * len(rendered)

    def work(batch: list[int]) -> WeakenedLosses:
        ids = padded([cut[i].ids for i in batch], engine.model.pad_id)
        counted = padded([list(map(int, cut[i].counted)) for i in batch], 0).bool()
        return weakened_losses(engine, heads, ids, counted)

    for batch in batches_by_length(lengths, max_tokens=request.tokens):
        for piece, losses in engine.memory.pieces(batch, lengths, work):
            for place, i in enumerate(piece):
                base[cut[i].row] += float(losses.base[place].double().sum())
                weak[cut[i].row] += float(losses.weak[place].double().sum())
    return [Scored(columns) for columns in _means(cut, base, weak)]


def _means(cut: Sequence[Window], base: list[float], weak: list[float]) -> list[dict[str, float]]:
    """The columns of each document from the sums over its windows; each has a counted token."""
    n_tokens, n_windows = [0] * len(base), [0] * len(base)
    for window in cut:
        n_tokens[window.row] += sum(window.counted)
        n_windows[window.row] += 1
    return [
        {**influence_columns(b / n, w / n), "n_windows": many}
        for b, w, n, many in zip(base, weak, n_tokens, n_windows, strict=True)
    ]


def influence_columns(base: float, weak: float) -> dict[str, float]:
    """The relative difference and both losses; NaN where the base loss is 0."""
    score = (weak - base) / base if base > 0 else float("nan")
    return {"score": score, "loss_base": base, "loss_weak": weak}


def too_short(sample: Sample, rendered: Rendered, request: ScoreRequest, n_ctx: int) -> str:
    """Only counted tokens have a loss, and the first of a window is not one."""
    part = request.scored_part
    cut = windows(rendered, row=0, part=part, n_ctx=n_ctx)
    return too_few(sum(sum(w.counted) for w in cut), part)


def sequences(rendered: Rendered, part: str, n_ctx: int) -> list[int]:
    """The windows, so that every row fits."""
    return [len(w.ids) for w in windows(rendered, row=0, part=part, n_ctx=n_ctx)]


def extras(request: ScoreRequest, n_ctx: int) -> dict[str, Any]:
    return {"windows": {"tokens": n_ctx, "rule": WINDOW_RULE}}


METHOD = Method(
    name="attention-influence",
    measures="how much the loss rises, in shares of itself, when the circuit's heads are uniform "
    "together; higher: needs looking back",
    bias="The score is relative to the model's loss on the row, so rows the model already "
    "predicts well can score high on a small absolute change. Compare it only within one domain.",
    score=score,
    sequences=sequences,
    passes=weakened,
    too_short=too_short,
    part="all",
    needs_heads=True,
    columns=("loss_base", "loss_weak", "n_windows"),
    known_loss="loss_base",
    divisor=("loss_base", "base loss"),
    extras=extras,
    details={"windows": WINDOW_RULE},
)
