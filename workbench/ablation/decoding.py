"""What a model answers with each of several sets of heads ablated, all sets in one batch.

Every row of the batch has its own set, so that decoding under fifty sets costs far less than fifty
greedy decodings; the result is that of each set on its own.

    answers = decode_sets(engine, prompts, [(), circuit.heads], max_new_tokens=20)
    answers[1][0]
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from workbench.ablation.hooks import check_heads
from workbench.ablation.reference import BY_UNIFORM, Ablation
from workbench.engines import Engine, decode
from workbench.models import RowEdits, chosen_heads
from workbench.types import Head, Progress, no_progress


def decode_sets(
    engine: Engine,
    prompts: Sequence[Sequence[int]],
    sets: Sequence[Sequence[Head]],
    *,
    max_new_tokens: int,
    ablation: Ablation = BY_UNIFORM,
    stop_ids: Sequence[int] | None = None,
    on_progress: Progress = no_progress,
) -> list[list[list[int]]]:
    """New token ids by set and prompt, greedy; an empty set is the clean model."""
    decoded = decode_pairs(
        engine,
        [(prompt, heads) for prompt in prompts for heads in sets],
        max_new_tokens=max_new_tokens,
        ablation=ablation,
        stop_ids=stop_ids,
        on_progress=on_progress,
    )
    return [decoded[row :: len(sets)] for row in range(len(sets))]


def decode_pairs(
    engine: Engine,
    pairs: Sequence[tuple[Sequence[int], Sequence[Head]]],
    *,
    max_new_tokens: int,
    ablation: Ablation = BY_UNIFORM,
    stop_ids: Sequence[int] | None = None,
    on_progress: Progress = no_progress,
) -> list[list[int]]:
    """New token ids of each prompt with the set beside it ablated, greedy."""
    prompts, sets = [tuple(prompt) for prompt, _ in pairs], [heads for _, heads in pairs]
    for heads in sets:
        check_heads(engine.model, heads)
    layers = sorted({head.layer for heads in sets for head in heads})
    place = {prompt: i for i, prompt in enumerate(dict.fromkeys(prompts))}
    edits = RowEdits(
        ablation.kind,
        chosen_heads(sets, engine.model),
        samples=torch.tensor([place[prompt] for prompt in prompts], dtype=torch.long),
        donors=ablation.donors(list(place), layers),
    )
    return decode(
        engine,
        prompts,
        max_new_tokens=max_new_tokens,
        stop_ids=stop_ids,
        edits=edits,
        on_progress=on_progress,
    )
