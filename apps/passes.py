"""One sample through the model, for the tokens page: attention received, and a head's pattern.

One model is kept; sessions take turns, because the hooks of one would be seen by another.

    view = token_view(model, circuit.heads, sample, part="prompt", drop_sink=False)
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st
import torch
from jaxtyping import Float

from workbench import models
from workbench.models import Model
from workbench.scoring import column_means, without_sink
from workbench.types import Head, Sample


@dataclass(frozen=True)
class TokenView:
    """A window of tokens and the mean attention each receives from the circuit; sums to 1."""

    ids: tuple[int, ...]
    tokens: tuple[str, ...]
    start: int
    received: Float[np.ndarray, " pos"]

    @property
    def contributions(self) -> Float[np.ndarray, " pos"]:
        """`(a_j - 1/T)^2`; their mean is the paper's score."""
        return (self.received - 1 / len(self.received)) ** 2


@st.cache_resource(max_entries=1, show_spinner="Loading the model (seconds to minutes)")
def loaded_model(name: str, dtype: str) -> Model:
    return models.load_model(name, dtype=dtype)


@st.cache_resource
def _turn() -> threading.Lock:
    return threading.Lock()


def token_view(
    model: Model, heads: Sequence[Head], sample: Sample, *, part: str, drop_sink: bool
) -> TokenView:
    """Attention received in the window that a score over `part` is taken on."""
    rendered = models.render(sample, model.tokenizer)
    start, end = without_sink(rendered, part) if drop_sink else rendered.window(part)
    ids = rendered.ids[:end]
    with _turn():
        (means,) = column_means(model, heads, torch.tensor([ids]), [[(start, end)]])
    return TokenView(
        ids=ids,
        tokens=tuple(model.tokenizer.decode([i]) for i in ids[start:]),
        start=start,
        received=means[0].mean(0)[start:end],
    )


def head_pattern(model: Model, ids: tuple[int, ...], head: Head) -> Float[np.ndarray, "query key"]:
    """The attention pattern of one head; layers above it do not run."""
    seen: list[torch.Tensor] = []

    def read(pattern: torch.Tensor, hook: Any) -> None:
        seen.append(pattern[0, head.head].float().cpu())

    stop = head.layer + 1
    with _turn(), models.hooks(model, [(models.pattern_hook(head.layer), read)]):
        model.hooked(
            torch.tensor([ids], device=model.device),
            return_type="logits",
            use_cache=False,
            stop_at_layer=stop if stop < model.n_layers else None,
        )
    return seen[0].numpy()
