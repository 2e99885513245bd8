"""The attention that every token receives from some heads: means over the queries of a window.

received, without_sink = column_means(model, circuit.heads, ids, [windows, windows_without_sink])
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from workbench.models import Model, fused_columns, hooks, last_logits_only, pattern_hook
from workbench.scoring.variance import attention_received
from workbench.types import Head


def column_means(
    model: Model,
    heads: Sequence[Head],
    ids: Tensor,
    windows: Sequence[Sequence[tuple[int, int]]],
) -> list[Float64[np.ndarray, "sample head pos"]]:
    """Attention received per head within each set of windows; one pass up to the last layer."""
    if model.fused is not None:
        together = torch.tensor(windows, device=model.device)
        return list(fused_columns(model, heads, ids, together).cpu().numpy())
    spans = [torch.tensor(w).T for w in windows]
    by_layer: dict[int, list[int]] = {}
    for i, head in enumerate(heads):
        by_layer.setdefault(head.layer, []).append(i)
    received = [np.zeros((len(ids), len(heads), ids.shape[1])) for _ in windows]

    def hook_for(places: list[int]) -> Any:
        def read(pattern: Tensor, hook: Any) -> None:
            chosen = pattern[:, [heads[i].head for i in places]]
            for out, span in zip(received, spans, strict=True):
                start, end = span.to(pattern.device)
                out[:, places] = attention_received(chosen, start, end).cpu().numpy()

        return read

    reads = [(pattern_hook(layer), hook_for(places)) for layer, places in by_layer.items()]
    stop = max(by_layer) + 1
    with hooks(model, reads), last_logits_only(model):
        model.hooked(
            ids.to(model.device),
            stop_at_layer=stop if stop < model.n_layers else None,
            **model.pass_options,
        )
    return received
