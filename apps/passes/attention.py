"""Where a model looks in one sample: attention received by each token, and a head's pattern.

view = token_view(model, circuit.heads, sample, part="prompt", drop_sink=False)
pattern = head_pattern(model, view.ids, Head(0, 3))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
import torch
from jaxtyping import Float

from apps.passes.model import engine_of, key_of, turn
from workbench import models
from workbench.engines import HookedEngine
from workbench.models import Model
from workbench.scoring import without_sink
from workbench.types import Head, Sample


@dataclass(frozen=True)
class TokenView:
    """A window of tokens and the mean attention each receives from the circuit; sums to 1.

    `by_head` has one row a head of the circuit.
    """

    ids: tuple[int, ...]
    tokens: tuple[str, ...]
    start: int
    by_head: Float[np.ndarray, "head pos"]

    @property
    def received(self) -> Float[np.ndarray, " pos"]:
        return self.by_head.mean(0)


def rendered_window(
    model: Model, sample: Sample, *, part: str, drop_sink: bool = False
) -> tuple[tuple[int, ...], int]:
    """The ids up to the end of `part`, and where the part begins."""
    rendered = models.render(sample, model.tokenizer)
    start, end = without_sink(rendered, part) if drop_sink else rendered.window(part)
    return rendered.ids[:end], start


def token_view(
    model: Model, heads: Sequence[Head], sample: Sample, *, part: str, drop_sink: bool
) -> TokenView:
    """Attention received in the window that a score over `part` is taken on."""
    ids, start = rendered_window(model, sample, part=part, drop_sink=drop_sink)
    means = _received(key_of(model), ids, start, tuple(heads), model)
    return TokenView(ids, texts_of_tokens(model, ids[start:]), start, means[:, start:])


def texts_of_tokens(model: Model, ids: Sequence[int]) -> tuple[str, ...]:
    return tuple(model.tokenizer.decode([i]) for i in ids)


@st.cache_data(max_entries=64, show_spinner=False)
def _received(
    key: str, ids: tuple[int, ...], start: int, heads: tuple[Head, ...], _model: Model
) -> Float[np.ndarray, "head pos"]:
    with turn():
        spans = torch.tensor([[(start, len(ids))]])
        means = engine_of(_model).columns(heads, torch.tensor([ids]), spans)
    return means[0, 0].cpu().numpy()


def head_pattern(model: Model, ids: tuple[int, ...], head: Head) -> Float[np.ndarray, "query key"]:
    """The attention pattern of one head; layers above it do not run."""
    return _pattern(key_of(model), ids, head, model)


@st.cache_data(max_entries=16, show_spinner=False)
def _pattern(
    key: str, ids: tuple[int, ...], head: Head, _model: Model
) -> Float[np.ndarray, "query key"]:
    seen: list[torch.Tensor] = []

    def read(_layer: int, pattern: torch.Tensor) -> None:
        seen.append(pattern[0, head.head].float().cpu())

    with turn():
        HookedEngine(_model).read_patterns(torch.tensor([ids]), [head.layer], read)
    return seen[0].numpy()


def value_sizes(model: Model, ids: tuple[int, ...], head: Head) -> Float[np.ndarray, " key"]:
    """The size of the value that the head reads at each token."""
    return _value_sizes(key_of(model), ids, head.layer, model)[head.head]


@st.cache_data(max_entries=16, show_spinner=False)
def _value_sizes(
    key: str, ids: tuple[int, ...], layer: int, _model: Model
) -> Float[np.ndarray, "head key"]:
    with turn():
        return HookedEngine(_model).value_sizes(torch.tensor([ids]), layer)[0].cpu().numpy()
