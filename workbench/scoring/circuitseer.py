"""CircuitSeer scores: how unevenly the circuit's attention falls on a sample's tokens.

One clean pass a batch, only up to the circuit's last layer; every variant comes from that pass.

    rows = score_batch(model, circuit, rendered, part="prompt")
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from workbench.models import (
    Model,
    Rendered,
    fused_columns,
    hooks,
    last_logits_only,
    padded,
    pattern_hook,
    uniform_column_mean,
)
from workbench.scoring.variance import VARIANTS, attention_received
from workbench.types import Head

MIN_TOKENS = 2


def variant_columns() -> list[str]:
    """Names of all variants, each with and without the sink: `paper`, `paper_no_sink`, ..."""
    return [name + suffix for name in VARIANTS for suffix in ("", "_no_sink")]


def score_batch(
    model: Model,
    heads: Sequence[Head],
    rendered: Sequence[Rendered],
    *,
    part: str = "prompt",
    per_head: bool = False,
) -> list[dict[str, float]]:
    """Every variant for each sample; NaN where a window has fewer than two tokens.

    The score over the prompt runs on the sequence up to the prompt's last token. `drop_sink` leaves
    out the first token and leading template tokens. With `per_head` variances are averaged over
    heads; otherwise heads are averaged first (paper).
    """
    windows = {
        "": [r.window(part) for r in rendered],
        "_no_sink": [without_sink(r, part) for r in rendered],
    }
    n_pos = max(end for _, end in windows[""])
    ids = padded([r.ids[:n_pos] for r in rendered], model.pad_id)
    received = column_means(model, heads, ids, list(windows.values()))
    uniform = cache(partial(_uniform, model, tuple(heads)))
    result: list[dict[str, float]] = [{} for _ in rendered]
    for (suffix, spans), means in zip(windows.items(), received, strict=True):
        for i, (start, end) in enumerate(spans):
            for name in VARIANTS:
                value = _variant(name, means[i, :, start:end], uniform, per_head)
                result[i][name + suffix] = value
    return result


def _uniform(model: Model, heads: tuple[Head, ...], n_pos: int) -> Float64[np.ndarray, "head pos"]:
    """What keys would receive from each head if it were uniform over `n_pos` tokens."""
    of_window = {
        window: uniform_column_mean(n_pos, window=window).numpy()
        for window in {model.windows[head.layer] for head in heads}
    }
    return np.stack([of_window[model.windows[head.layer]] for head in heads])


def _variant(
    name: str,
    received: Float64[np.ndarray, "head pos"],
    uniform_of: Callable[[int], Float64[np.ndarray, "head pos"]],
    per_head: bool,
) -> float:
    n = received.shape[1]
    if n < MIN_TOKENS:
        return float("nan")
    uniform = uniform_of(n)
    if not per_head:
        return VARIANTS[name](received.mean(0), uniform.mean(0))
    return float(np.mean([VARIANTS[name](a, u) for a, u in zip(received, uniform, strict=True)]))


def without_sink(rendered: Rendered, part: str) -> tuple[int, int]:
    """The window of `part` without the first token and any leading template tokens."""
    start, end = rendered.window(part)
    return max(start, 1, rendered.n_leading), end


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
