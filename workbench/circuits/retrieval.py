"""Which heads copy the value from the JSON object? One forward pass a batch, no pattern kept.

    options = RetrievalOptions(n=2, n_shots=0, key_length=8, limit=128)
    probe = retrieval_probe(engine.model, sentences, options)
    measured = retrieval_scores(engine, probe)
    measured.scores.mean(axis=0)

Head h copies gold token t if the row of the query that predicts it, t - 1, has its largest weight
on a token of the gold value inside the object, and that token is token t.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor

from workbench.circuits.heads import Importance
from workbench.circuits.retrieval_samples import RetrievalSample
from workbench.data import batches_by_length
from workbench.engines import Engine, HookedEngine, batch_of, sample_means
from workbench.errors import InputError
from workbench.models import final_residual, hooks, pattern_hook
from workbench.types import Progress, no_progress


@dataclass(frozen=True)
class RetrievalScores:
    """For each sample: loss of the gold value (nats a token), exactness, each head's score.

    `exact`: the most likely token is the gold one throughout, so greedy decoding gives the value.
    `scores`: share of the gold tokens that the head copies, in [0, 1].
    """

    base_loss: Float64[np.ndarray, " sample"]
    exact: Bool[np.ndarray, " sample"]
    scores: Float64[np.ndarray, "sample layer head"]


def retrieval_scores(
    engine: Engine,
    probe: Sequence[RetrievalSample],
    *,
    batch_tokens: int = 2048,
    on_progress: Progress = no_progress,
) -> RetrievalScores:
    """Retrieval score of every head on every sample (arXiv 2505.07293, section 3).

    Ours: teacher forcing on the gold value, and the row that predicts a token, not the token's own.
    Whole rows of every head are read, so the passes are the hooked engine's whatever `engine` is.
    """
    hooked, model = HookedEngine(engine.model, memory=engine.memory), engine.model
    loss, exact = np.empty(len(probe)), np.empty(len(probe), dtype=bool)
    scores = np.empty((len(probe), model.n_layers, model.n_heads))
    lengths = [len(s.rendered.ids) for s in probe]
    batches = batches_by_length(lengths, max_tokens=batch_tokens)

    def work(batch: list[int]) -> None:
        measured = _batch(hooked, [probe[i] for i in batch])
        loss[batch], exact[batch] = measured.base_loss, measured.exact
        scores[batch] = measured.scores

    for n_done, batch in enumerate(batches):
        engine.memory.pieces(batch, lengths, work)
        on_progress(n_done + 1, len(batches), f"retrieval in {len(batch)} samples")
    return RetrievalScores(loss, exact, scores)


def _batch(engine: HookedEngine, samples: Sequence[RetrievalSample]) -> RetrievalScores:
    model, rendered = engine.model, [sample.rendered for sample in samples]
    # On the CPU: compared with patterns of layers that may lie on several devices.
    ids, counted = batch_of(model, rendered, "completion")
    gold = [torch.nonzero(row)[:, 0] for row in counted]
    scores = np.empty((len(samples), model.n_layers, model.n_heads))

    def hook_for(layer: int) -> Any:
        def read(pattern: Float[Tensor, "batch head query key"], hook: Any) -> None:
            for i, (sample, places) in enumerate(zip(samples, gold, strict=True)):
                rows = pattern[i, :, places - 1]
                share = copied_share(rows, ids[i], places, sample.value)
                scores[i, layer] = share.numpy()

        return read

    with hooks(model, [(pattern_hook(i), hook_for(i)) for i in range(model.n_layers)]):
        final = final_residual(model, ids)
    found = engine.outcomes(final, ids, counted)
    return RetrievalScores(
        base_loss=sample_means(found.losses, counted).cpu().numpy(),
        exact=found.hits.all(dim=1).cpu().numpy(),
        scores=scores,
    )


def copied_share(
    rows: Float[Tensor, "head gold key"],
    ids: Int[Tensor, " pos"],
    gold: Int[Tensor, " gold"],
    value: range,
) -> Float64[Tensor, " head"]:
    """Share of the gold tokens at positions `gold` that each head copies from within `value`.

    `rows` are the attention rows of the queries one position before each gold token.
    """
    best = rows.argmax(dim=-1).to(ids.device)
    inside = (best >= value.start) & (best < value.stop)
    return (inside & (ids[best] == ids[gold])).double().mean(dim=-1)


def retrieval_importance(
    measured: RetrievalScores, row_ids: Sequence[str], *, decode: bool = False
) -> Importance:
    """The scores in the place of loss increases, to be ranked like them.

    With `decode` only samples whose value greedy decoding reproduces are counted. That needs no
    decoding: where every gold token is the most likely one, decoding goes through the same tokens
    and so through the same attention rows as teacher forcing.
    """
    kept = np.flatnonzero(measured.exact).tolist() if decode else list(range(len(row_ids)))
    if not kept:
        raise InputError(
            f"the model retrieves none of the {len(row_ids)} values, so none can be counted",
            expected="at least one value reproduced by greedy decoding",
            do="leave out --decode",
        )
    return Importance(
        row_ids=tuple(row_ids[i] for i in kept),
        base_loss=measured.base_loss[kept],
        deltas=measured.scores[kept],
    )
