"""What a model answers with each of several sets of heads uniform, all sets in one batch.

Every row of the batch has its own set, so that decoding under fifty sets costs far less than fifty
greedy decodings; the result is that of `uniform_heads` and `decode`, set by set.

    answers = decode_sets(model, prompts, [(), circuit.heads], max_new_tokens=200)
    answers[1][0]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from workbench.ablation.hooks import Hook, check_heads, uniform_like
from workbench.models import Model, decode, hooks, pattern_hook
from workbench.types import Head, Progress, no_progress


def decode_sets(
    model: Model,
    prompts: Sequence[Sequence[int]],
    sets: Sequence[Sequence[Head]],
    *,
    max_new_tokens: int,
    stop_ids: Sequence[int] | None = None,
    on_progress: Progress = no_progress,
) -> list[list[list[int]]]:
    """New token ids by set and prompt, greedy; an empty set is the clean model."""
    for heads in sets:
        check_heads(model, heads)
    chosen = torch.zeros(len(sets), model.n_layers, model.n_heads, dtype=torch.bool)
    for row, heads in enumerate(sets):
        for layer, head in heads:
            chosen[row, layer, head] = True
    rows = _RowSets(model, chosen.to(model.device))
    with hooks(model, rows.hooks()):
        decoded = decode(
            model,
            [prompt for prompt in prompts for _ in sets],
            max_new_tokens=max_new_tokens,
            stop_ids=stop_ids,
            on_rows=rows.follow,
            on_progress=on_progress,
        )
    return [decoded[row :: len(sets)] for row in range(len(sets))]


class _RowSets:
    """Which heads are uniform in each row of the batch that is decoding now."""

    def __init__(self, model: Model, chosen: Bool[Tensor, "set layer head"]) -> None:
        self.model, self.chosen, self.current = model, chosen, chosen[:0]

    def follow(self, prompts: Sequence[int]) -> None:
        """The rows of the coming passes; prompt `i` of the batch has set `i mod n_sets`."""
        self.current = self.chosen[[i % len(self.chosen) for i in prompts]]

    def hooks(self) -> list[Hook]:
        layers = self.chosen.any(dim=2).any(dim=0).nonzero()[:, 0].tolist()
        return [(pattern_hook(layer), self._hook_for(layer)) for layer in layers]

    def _hook_for(self, layer: int) -> Any:
        def make_uniform(
            pattern: Float[Tensor, "row head query key"], hook: Any
        ) -> Float[Tensor, "row head query key"]:
            uniform = uniform_like(pattern, self.model.windows[layer])
            chosen = self.current[:, layer, :, None, None].to(pattern.device)
            return torch.where(chosen, uniform, pattern)

        return make_uniform
