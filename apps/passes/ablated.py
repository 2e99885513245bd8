"""One problem with some heads uniform: the passes behind the Playground, each made once and kept.

after = passed(model, ids, heads)
rise = after.losses - passed(model, ids, ()).losses
next_token = chances(model, after, len(prompt) - 1)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st
import torch
from jaxtyping import Float

from apps.passes.model import key_of, turn
from workbench import models
from workbench.ablation import uniform_heads
from workbench.models import Model
from workbench.types import Head, Message, Sample

Heads = tuple[Head, ...]


@dataclass(frozen=True)
class Pass:
    """Loss of every token given those before it (0 for the first), and the last residual stream."""

    losses: Float[np.ndarray, " pos"]
    final: Float[torch.Tensor, "pos d_model"]


def problem(prompt: str, solution: str = "") -> Sample:
    """A typed problem as a sample."""
    messages = (Message("user", prompt),)
    if solution:
        messages += (Message("assistant", solution),)
    return Sample("typed", 0, "typed", "messages", messages)


def prompt_ids(model: Model, sample: Sample) -> tuple[int, ...]:
    return models.render(sample, model.tokenizer, prompt_only=True).ids


def greedy(model: Model, ids: tuple[int, ...], heads: Heads, *, n_new: int) -> tuple[int, ...]:
    """The model's own answer, at most `n_new` tokens."""
    return _greedy(key_of(model), ids, heads, n_new, model)


@st.cache_data(max_entries=64, show_spinner="The model answers")
def _greedy(
    key: str, ids: tuple[int, ...], heads: Heads, n_new: int, _model: Model
) -> tuple[int, ...]:
    with turn(), uniform_heads(_model, heads):
        (new,) = models.decode(_model, [ids], max_new_tokens=n_new)
    return tuple(new)


def passed(model: Model, ids: tuple[int, ...], heads: Heads) -> Pass:
    """One pass over `ids` with `heads` uniform."""
    return _passed(key_of(model), ids, heads, model)


@st.cache_data(max_entries=64, show_spinner=False)
def _passed(key: str, ids: tuple[int, ...], heads: Heads, _model: Model) -> Pass:
    batch = torch.tensor([ids])
    counted = torch.ones(batch.shape, dtype=torch.bool)
    with turn():
        with uniform_heads(_model, heads):
            final = models.capture(_model, batch).final
        losses = models.token_losses(_model, final, batch, counted)
    return Pass(losses[0].cpu().numpy(), final[0].cpu())


def chances(model: Model, made: Pass, at: int) -> Float[np.ndarray, " vocab"]:
    """The chance of every token to come after place `at`."""
    with turn():
        logits = models.position_logits(model, made.final[at : at + 1].to(model.device))
    return logits[0].softmax(dim=-1).cpu().numpy()
