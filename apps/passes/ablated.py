"""One problem with some heads ablated: the passes behind the Playground, each made once and kept.

after = passed(model, ids, Ablated(heads, "uniform"))
rise = after.losses - passed(model, ids, INTACT).losses
next_token = chances(model, after, len(prompt) - 1)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import streamlit as st
import torch
from jaxtyping import Float

from apps.passes.model import engine_of, key_of, turn
from workbench import models
from workbench.ablation import KINDS, Ablation, decode_sets, prepare
from workbench.models import Model, Rendered
from workbench.types import Head, Message, Sample


@dataclass(frozen=True)
class Ablated:
    """Heads and the kind of ablation, with the token ids of the samples that it may refer to."""

    heads: tuple[Head, ...] = ()
    kind: str = "uniform"
    reference: tuple[tuple[int, ...], ...] = ()


INTACT = Ablated()


@dataclass(frozen=True)
class Pass:
    """Loss of every token given those before it (0 for the first), and what comes after each."""

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


def greedy(model: Model, ids: tuple[int, ...], ablated: Ablated, *, n_new: int) -> tuple[int, ...]:
    """The model's own answer, at most `n_new` tokens."""
    return _greedy(key_of(model), ids, ablated, n_new, model)


@st.cache_data(max_entries=64, show_spinner="The model answers")
def _greedy(
    key: str, ids: tuple[int, ...], ablated: Ablated, n_new: int, _model: Model
) -> tuple[int, ...]:
    with turn():
        ((new,),) = decode_sets(
            engine_of(_model),
            [ids],
            [ablated.heads],
            max_new_tokens=n_new,
            ablation=_ablation(_model, ablated),
        )
    return tuple(new)


def passed(model: Model, ids: tuple[int, ...], ablated: Ablated) -> Pass:
    """One pass over `ids` with heads ablated."""
    return _passed(key_of(model), ids, ablated, model)


@st.cache_data(max_entries=64, show_spinner=False)
def _passed(key: str, ids: tuple[int, ...], ablated: Ablated, _model: Model) -> Pass:
    batch = torch.tensor([ids])
    counted = torch.ones(batch.shape, dtype=torch.bool)
    with turn():
        ablation = _ablation(_model, ablated)
        layers = sorted({head.layer for head in ablated.heads})
        ((_, found),) = engine_of(_model).set_outcomes(
            batch,
            counted,
            [ablated.heads],
            kind=ablation.kind,
            donors=ablation.donors([ids], layers),
        )
    return Pass(found.losses[0].cpu().numpy(), found.final[0].cpu())


def chances(model: Model, made: Pass, at: int) -> Float[np.ndarray, " vocab"]:
    """The chance of every token to come after place `at`."""
    with turn():
        logits = engine_of(model).logits(made.final[at : at + 1].to(model.device))
    return logits[0].softmax(dim=-1).cpu().numpy()


def _ablation(model: Model, ablated: Ablated) -> Ablation:
    """What the kind needs of the reference samples."""
    rows = [
        Rendered(ids, np.ones(len(ids), dtype=np.int8), is_text=True) for ids in ablated.reference
    ]
    return prepare(engine_of(model), KINDS[ablated.kind], rows)
