"""From the attention that samples' tokens receive to every variant of CircuitSeer's score.

rows = score_batch(engine, circuit.heads, rendered, part="prompt")
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial

import numpy as np
import torch
from jaxtyping import Float64

from workbench.engines import Engine
from workbench.models import Model, Rendered, padded, uniform_column_mean
from workbench.scoring.variance import VARIANTS
from workbench.types import Head

MIN_TOKENS = 2


def score_batch(
    engine: Engine,
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
    ids = padded([r.ids[:n_pos] for r in rendered], engine.model.pad_id)
    received = engine.columns(heads, ids, torch.tensor(list(windows.values()))).cpu().numpy()
    uniform = cache(partial(uniform_received, engine.model, tuple(heads)))
    result: list[dict[str, float]] = [{} for _ in rendered]
    for (suffix, spans), means in zip(windows.items(), received, strict=True):
        for i, (start, end) in enumerate(spans):
            for name in VARIANTS:
                value = _variant(name, means[i, :, start:end], uniform, per_head)
                result[i][name + suffix] = value
    return result


def uniform_received(
    model: Model, heads: tuple[Head, ...], n_pos: int
) -> Float64[np.ndarray, "head pos"]:
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
