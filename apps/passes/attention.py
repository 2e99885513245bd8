"""Where heads look in one sample: attention received by each token, and a head's pattern.

sample = live_sample(model, row, part="prompt")
view = token_view(sample, circuit.heads, drop_sink=False)
pattern = sample.pattern(Head(0, 3))

A `LiveSample` asks the model, a `KeptSample` of `apps.reading` has it from a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import streamlit as st
import torch
from jaxtyping import Float

from apps.passes.model import engine_of, key_of, turn
from workbench import models
from workbench.engines import HookedEngine
from workbench.models import Model
from workbench.scoring import uniform_received, without_sink
from workbench.types import Head, Sample


class Attended(Protocol):
    """A sample, up to the end of the part that is scored, with the attention on it."""

    @property
    def n_tokens(self) -> int: ...
    @property
    def starts(self) -> tuple[int, int]:
        """Where the part begins, with the sink and without."""
        ...

    def texts(self, start: int, end: int) -> tuple[str, ...]: ...
    def received(self, heads: Sequence[Head], start: int) -> Float[np.ndarray, "head pos"]: ...
    def uniform(self, heads: Sequence[Head], n_pos: int) -> Float[np.ndarray, "head pos"]: ...
    def pattern(self, head: Head) -> Float[np.ndarray, "query key"]: ...
    def values(self, head: Head) -> Float[np.ndarray, " key"]: ...


@dataclass(frozen=True)
class LiveSample:
    """Recomputed with the model at every look, and remembered."""

    model: Model
    ids: tuple[int, ...]
    starts: tuple[int, int]
    n_left_out: int = 0

    @property
    def n_tokens(self) -> int:
        return len(self.ids)

    def texts(self, start: int, end: int) -> tuple[str, ...]:
        return tuple(self.model.tokenizer.decode([i]) for i in self.ids[start:end])

    def received(self, heads: Sequence[Head], start: int) -> Float[np.ndarray, "head pos"]:
        return _received(key_of(self.model), self.ids, start, tuple(heads), self.model)[:, start:]

    def uniform(self, heads: Sequence[Head], n_pos: int) -> Float[np.ndarray, "head pos"]:
        return uniform_received(self.model, tuple(heads), n_pos)

    def pattern(self, head: Head) -> Float[np.ndarray, "query key"]:
        """The attention pattern of one head; layers above it do not run."""
        return _pattern(key_of(self.model), self.ids, head, self.model)

    def values(self, head: Head) -> Float[np.ndarray, " key"]:
        """The size of the value that the head reads at each token."""
        return _value_sizes(key_of(self.model), self.ids, head.layer, self.model)[head.head]


def live_sample(model: Model, sample: Sample, *, part: str = "prompt") -> LiveSample:
    """The sample up to the end of `part`, as much of it as fits the model's context.

    Raises UnrenderableError for a sample that the template refuses.
    """
    rendered = models.render(sample, model.tokenizer)
    (start, end), (no_sink, _) = rendered.window(part), without_sink(rendered, part)
    ids = rendered.ids[: min(end, model.n_ctx)]
    return LiveSample(model, ids, (start, no_sink), end - len(ids))


@dataclass(frozen=True)
class TokenView:
    """A window of tokens and the mean attention each receives from the circuit; sums to 1.

    `by_head` has one row a head of the circuit, `uniform` what it would be if that looked at all
    tokens alike.
    """

    tokens: tuple[str, ...]
    start: int
    by_head: Float[np.ndarray, "head pos"]
    uniform: Float[np.ndarray, "head pos"]

    @property
    def received(self) -> Float[np.ndarray, " pos"]:
        return self.by_head.mean(0)


def token_view(sample: Attended, heads: Sequence[Head], *, drop_sink: bool) -> TokenView:
    """Attention received in the window that a score is taken on."""
    start = sample.starts[drop_sink]
    by_head = sample.received(heads, start)
    uniform = sample.uniform(heads, by_head.shape[1])
    return TokenView(sample.texts(start, sample.n_tokens), start, by_head, uniform)


@st.cache_data(max_entries=64, show_spinner=False)
def _received(
    key: str, ids: tuple[int, ...], start: int, heads: tuple[Head, ...], _model: Model
) -> Float[np.ndarray, "head pos"]:
    with turn():
        spans = torch.tensor([[(start, len(ids))]])
        means = engine_of(_model).columns(heads, torch.tensor([ids]), spans)
    return means[0, 0].cpu().numpy()


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


@st.cache_data(max_entries=16, show_spinner=False)
def _value_sizes(
    key: str, ids: tuple[int, ...], layer: int, _model: Model
) -> Float[np.ndarray, "head key"]:
    with turn():
        return HookedEngine(_model).value_sizes(torch.tensor([ids]), layer)[0].cpu().numpy()
