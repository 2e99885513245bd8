"""The last prefix token alone, over and over, with the keys and values before it read once.

A mask acts at the last prefix token only, so no earlier position ever changes: each step of the
optimisation passes one token a row instead of the whole prefix, and the logits are the same.

    prefixes = cache_prefixes(model, rows)
    logits = last_token_logits(model, prefixes, [0, 3, 5], hooks_of(values))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad

from workbench.amplification.network import unembedding_at
from workbench.models import Model, padded
from workbench.types import Progress, no_progress

Hooks = Callable[[Bool[Tensor, "batch pos"]], list]
"""Makes the hooks of a pass from the positions that they act at."""
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Prefixes:
    """Rows of token ids, and for each row and layer the keys and values of all but its last token.

    Without `layers` every pass reads whole rows: slower, and the same logits.
    """

    rows: tuple[tuple[int, ...], ...]
    layers: tuple[tuple[tuple[Tensor, Tensor], ...], ...] | None


def cache_prefixes(
    model: Model, rows: Sequence[Sequence[int]], *, on_progress: Progress = no_progress
) -> Prefixes:
    """Read every row once; checked on the longest rows against passes over whole rows.

    A network that keeps no keys and values, or gives other logits with them, gets no cache.
    """
    plain = Prefixes(tuple(tuple(row) for row in rows), None)
    config = getattr(model.wrapped, "config", None)
    if config is None or min(map(len, rows)) < 2:
        return plain
    layers = []
    for number, row in enumerate(rows):
        layers.append(_read(model, row, config))
        on_progress(number + 1, len(rows), "reading the prefixes")
    cached = Prefixes(plain.rows, tuple(layers))
    # The longest: a sliding window may hide nothing from the others.
    few = sorted(range(len(rows)), key=lambda i: -len(rows[i]))[:2]
    with torch.no_grad():
        difference = last_token_logits(model, cached, few) - last_token_logits(model, plain, few)
    return cached if float(difference.abs().max()) <= TOLERANCE else plain


@torch.no_grad()
def _read(model: Model, row: Sequence[int], config: Any) -> tuple[tuple[Tensor, Tensor], ...]:
    from transformers import DynamicCache

    cache: Any = DynamicCache(config=config)
    ids = torch.tensor([list(row[:-1])], device=model.device)
    with unembedding_at(model.hooked.unembed, torch.tensor([ids.shape[1] - 1])):
        model.hooked(ids, return_type="logits", use_cache=True, past_key_values=cache)
    return tuple((layer.keys, layer.values) for layer in cache.layers)


def last_token_logits(
    model: Model, prefixes: Prefixes, batch: Sequence[int], hooks_at: Hooks | None = None
) -> Float[Tensor, "batch vocab"]:
    """Logits after the last token of each row of `batch`, in float32, under the hooks.

    Gradients flow to whatever the hooks close over.
    """
    rows = [prefixes.rows[i] for i in batch]
    if prefixes.layers is None:
        ids = padded(rows, model.pad_id).to(model.device)
        last = torch.tensor([len(row) - 1 for row in rows], device=ids.device)
        at = torch.arange(ids.shape[1], device=ids.device)[None] == last[:, None]
        options = model.pass_options
    else:
        ids = torch.tensor([row[-1:] for row in rows], device=model.device)
        last = torch.zeros(len(rows), dtype=torch.long, device=ids.device)
        at = torch.ones_like(ids, dtype=torch.bool)
        options = _cached_options(model, [prefixes.layers[i] for i in batch], rows)
    fwd_hooks = hooks_at(at) if hooks_at else []
    with model.hooked.hooks(fwd_hooks=fwd_hooks), unembedding_at(model.hooked.unembed, last):
        return model.hooked(ids, **options)[:, 0].float()


def _cached_options(
    model: Model,
    layers: Sequence[tuple[tuple[Tensor, Tensor], ...]],
    rows: Sequence[Sequence[int]],
) -> dict[str, Any]:
    """A fresh cache with the rows' keys moved to the right end, and where each row's are real."""
    from transformers import DynamicCache

    n_before = max(map(len, rows)) - 1
    cache = DynamicCache(config=_config(model))
    for number, pairs in enumerate(zip(*layers, strict=True)):
        keys, values = (
            torch.cat([_moved(pair[part], n_before) for pair in pairs]) for part in (0, 1)
        )
        cache.update(keys, values, number)
    lengths = torch.tensor([len(row) for row in rows], device=model.device)
    places = torch.arange(n_before + 1, device=model.device)
    return {
        "return_type": "logits",
        "use_cache": True,
        "past_key_values": cache,
        "attention_mask": (places[None] >= n_before + 1 - lengths[:, None]).long(),
        "position_ids": _positions(lengths),
    }


def _config(model: Model) -> Any:
    assert model.wrapped is not None  # `cache_prefixes` makes no cache without one
    return model.wrapped.config


def _moved(states: Tensor, n_before: int) -> Tensor:
    """Keys or values `[1, head, key, d_head]` with empty places before them."""
    return pad(states, (0, 0, n_before - states.shape[2], 0))


def _positions(lengths: Int[Tensor, " batch"]) -> Int[Tensor, "batch 1"]:
    return lengths[:, None] - 1
