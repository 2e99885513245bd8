"""What the heads of a circuit do beside costing loss: contribution, and where they rest.

    facts = head_facts(engine, rendered, [Head(2, 5)], seed=0)
    heads = with_facts(heads, facts)

Uniform attention also switches on heads that write next to nothing as they are: a head that rests
on the first token, made uniform, writes an average of all values that the model never saw there.
Its loss increase is what that breaks, not what the head contributes (docs/methods.md,
Kinds of ablation).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float64

from workbench.ablation import MEAN, iter_importance, prepare
from workbench.data import batches_by_length
from workbench.engines import Engine
from workbench.models import Rendered, padded
from workbench.types import Head, HeadScore, HeadScores, Progress, no_progress

# Samples that the facts of a circuit rest on at most, and how many times the circuit's heads.
N_SAMPLES, N_TIMES = 64, 2
IDLE_SHARE = 0.1
"""A head whose mean ablation costs less than this share of what uniform attention costs is idle."""


@dataclass(frozen=True)
class HeadFacts:
    """`contribution`: loss increase in nats a token with the output at its mean over the samples.

    `sink_share`: mean attention on the first token over the tokens of a sample, in [0, 1].
    """

    contribution: float
    sink_share: float


def leading_heads(heads: HeadScores) -> list[Head]:
    """The circuit and as many heads next in rank, best first."""
    n_most = N_TIMES * sum(h.selected for h in heads.heads)
    ordered = sorted(heads.heads, key=lambda h: h.rank)
    return [Head(h.layer, h.head) for h in ordered[:n_most]]


def head_facts(
    engine: Engine,
    rendered: Sequence[Rendered],
    heads: Sequence[Head],
    *,
    batch_tokens: int = 2048,
    seed: int = 0,
    on_progress: Progress = no_progress,
) -> dict[Head, HeadFacts]:
    """Facts of `heads` on at most 64 of the samples, drawn by the seed.

    Two passes over these samples, and for each head the layers from its own on.
    """
    order = np.random.default_rng(seed).permutation(len(rendered))[:N_SAMPLES]
    chosen = [rendered[i] for i in sorted(order.tolist())]
    batches = batches_by_length([len(r.ids) for r in chosen], max_tokens=batch_tokens)
    by_mean = prepare(engine, MEAN, chosen, seed=seed)
    found = list(
        iter_importance(
            engine,
            chosen,
            batches=batches,
            heads=heads,
            ablation=by_mean,
            on_progress=on_progress,
        )
    )
    costs = np.concatenate([batch.deltas for batch in found]).mean(axis=0)
    sinks = sink_shares(engine, chosen, heads, batches=batches)
    return {
        head: HeadFacts(float(costs[head.layer, head.head]), float(share))
        for head, share in zip(heads, sinks, strict=True)
    }


def sink_shares(
    engine: Engine,
    rendered: Sequence[Rendered],
    heads: Sequence[Head],
    *,
    batches: Sequence[Sequence[int]],
) -> Float64[np.ndarray, " circuit_head"]:
    """Attention of each head on a sample's first token, mean over its tokens and the samples."""
    lengths, shares = [len(r.ids) for r in rendered], np.zeros(len(heads))

    def work(batch: list[int]) -> Float64[np.ndarray, " circuit_head"]:
        ids = padded([rendered[i].ids for i in batch], engine.model.pad_id)
        spans = torch.tensor([[(0, lengths[i]) for i in batch]])
        return engine.columns(heads, ids, spans)[0, :, :, 0].sum(dim=0).cpu().numpy()

    for batch in batches:
        for _, found in engine.memory.pieces(batch, lengths, work):
            shares += found
    return shares / len(rendered)


def is_idle(score: HeadScore, contribution: float) -> bool:
    """Whether uniform attention in the head costs something, and taking its output away nothing.

    Nothing means less than a tenth of that cost, and the cost must be clear of 0.
    """
    return score.ci_low > 0 and contribution < IDLE_SHARE * score.delta


def with_facts(heads: HeadScores, facts: Mapping[Head, HeadFacts]) -> HeadScores:
    """The same heads with their facts; `idle` only where `delta` is the cost of being uniform."""
    by_uniform = heads.ablation.startswith("uniform")

    def known(score: HeadScore) -> HeadScore:
        of_head = facts.get(Head(score.layer, score.head))
        if of_head is None:
            return score
        contribution = score.contribution
        contribution = of_head.contribution if contribution is None else contribution
        idle = is_idle(score, contribution) if by_uniform else None
        return replace(score, contribution=contribution, sink_share=of_head.sink_share, idle=idle)

    return replace(heads, heads=tuple(known(score) for score in heads.heads))


def facts_passes(n_layers: int, n_heads: int, n_probe: int) -> float:
    """What the facts of `n_heads` leading heads cost, in full passes over the whole probe."""
    share = min(1.0, N_SAMPLES / max(1, n_probe))
    suffix = (n_layers + 1) / (2 * n_layers)
    return share * math.fsum((2, 1, N_TIMES * n_heads * suffix))
