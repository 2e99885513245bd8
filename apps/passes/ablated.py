"""One problem with some heads ablated: the passes behind the Playground, each made once and kept.

before, after = passed(model, ids, [INTACT, Ablated(heads, "uniform")])
rise = after.losses - before.losses
next_token = chances(model, after, len(prompt) - 1)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import streamlit as st
import torch
from jaxtyping import Float

from apps.passes.model import engine_of, key_of, turn
from workbench import models
from workbench.ablation import KINDS, Ablation, decode_sets, prepare
from workbench.engines import default_stop_ids
from workbench.models import Model, Rendered
from workbench.types import Head, Message, Sample

PIECE = 12


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


def answer_pieces(
    model: Model, ids: tuple[int, ...], ablated: Ablated, *, n_new: int
) -> Iterator[tuple[int, ...]]:
    """The model's own answer as far as it is, a few tokens more each time, at most `n_new`.

    Between the pieces the model is free for others, and a reader who has seen enough can go on.
    """
    new: tuple[int, ...] = ()
    stops = default_stop_ids(model)
    while len(new) < n_new and not (new and new[-1] in stops):
        n_more = min(PIECE, n_new - len(new), model.n_ctx - len(ids) - len(new))
        if n_more < 1:
            return
        new += _greedy(key_of(model), ids + new, ablated, n_more, model)
        yield new


def greedy(model: Model, ids: tuple[int, ...], ablated: Ablated, *, n_new: int) -> tuple[int, ...]:
    """The whole answer at once."""
    return next(iter([*answer_pieces(model, ids, ablated, n_new=n_new)][-1:]), ())


@st.cache_data(max_entries=512, show_spinner=False)
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


def passed(model: Model, ids: tuple[int, ...], sets: Sequence[Ablated]) -> list[Pass]:
    """One pass over `ids` with several sets of heads at once, all taken away alike."""
    return _passed(key_of(model), ids, tuple(sets), model)


@st.cache_data(max_entries=64, show_spinner=False)
def _passed(key: str, ids: tuple[int, ...], sets: tuple[Ablated, ...], _model: Model) -> list[Pass]:
    batch = torch.tensor([ids])
    counted = torch.ones(batch.shape, dtype=torch.bool)
    layers = sorted({head.layer for one in sets for head in one.heads})
    found: dict[int, Pass] = {}
    with turn():
        ablation = _ablation(_model, next((one for one in sets if one.heads), INTACT))
        outcomes = engine_of(_model).set_outcomes(
            batch,
            counted,
            [one.heads for one in sets],
            kind=ablation.kind,
            donors=ablation.donors([ids], layers),
        )
        for numbers, part in outcomes:
            for row, number in enumerate(numbers):
                found[number] = Pass(part.losses[row].cpu().numpy(), part.final[row].cpu())
    return [found[number] for number in range(len(sets))]


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
