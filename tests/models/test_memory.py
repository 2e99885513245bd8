"""Batches that do not fit are halved, and every result is what it would have been."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.support.scarce import refused_by_the_device, refused_by_the_system, room_for
from workbench.ablation import iter_importance, iter_screen, set_effects
from workbench.errors import NoRoomError
from workbench.models import (
    DidNotFit,
    attempt,
    load_model,
    render,
    sample_losses,
    with_engine,
)
from workbench.models.budget import LEAST, MOST_CPU, batch_tokens, free_bytes, position_bytes
from workbench.models.memory import Memory
from workbench.scoring import ScoreRequest, on_engine, score_shard
from workbench.types import Circuit, Head

REFUSALS = pytest.mark.parametrize(
    "refuse", [refused_by_the_system, refused_by_the_device], ids=["cpu", "cuda"]
)


@pytest.fixture
def model(checkpoint):
    """Not shared: it remembers what did not fit."""
    return load_model(str(checkpoint("llama")), device="cpu")


def rendered_rows(model, samples):
    rows = [render(sample, model.tokenizer) for sample in samples]
    return rows, [list(range(len(rows)))]


@REFUSALS
def test_importance_is_the_same_when_batches_are_halved(refuse, model, samples):
    rows, batches = rendered_rows(model, samples)
    (expected,) = iter_importance(model, rows, batches=batches)
    with room_for(model, 2 * max(len(row.ids) for row in rows), refuse):
        (found,) = iter_importance(model, rows, batches=batches)
    kinds = {halving["kind"] for halving in model.memory.halvings}
    assert kinds == {"positions of a batch", "pattern values of a pass"}
    assert found.indices == expected.indices
    np.testing.assert_allclose(found.base_loss, expected.base_loss, atol=1e-6)
    np.testing.assert_allclose(found.deltas, expected.deltas, atol=1e-5)


@REFUSALS
def test_losses_gradients_and_sets_are_the_same_when_batches_are_halved(refuse, model, samples):
    rows, batches = rendered_rows(model, samples)
    sets = [(), (Head(0, 1), Head(1, 2))]

    def measured():
        (screen,) = iter_screen(model, rows, batches=batches)
        effects = set_effects(model, rows, sets, batches=batches)
        return [sample_losses(model, rows, batches=batches), screen.deltas, effects.loss]

    expected = measured()
    with room_for(model, 2 * max(len(row.ids) for row in rows), refuse):
        found = measured()
    assert model.memory.halvings
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@REFUSALS
@pytest.mark.parametrize("engine", ["fused", "hooked"])
@pytest.mark.parametrize("method", ["circuitseer", "attention-influence", "air", "loss", "ifd"])
def test_scores_are_the_same_when_batches_are_halved(refuse, engine, method, model, samples):
    request = ScoreRequest.of(method, engine=engine)
    circuit = Circuit((Head(0, 3), Head(1, 0)), model.info)
    twice = [
        dataclasses.replace(sample, row_id=f"{sample.row_id}-{copy}")
        for sample in samples
        for copy in range(2)
        if len(sample.completion) > 1
    ]
    model = on_engine(model, request)
    expected = score_shard(twice, request=request, model=model, circuit=circuit).rows
    assert not model.memory.halvings
    # A row in both its versions fits, two rows do not.
    n_copies = 2 if method in ("attention-influence", "air") else 1
    rows = [render(sample, model.tokenizer) for sample in twice]
    up_to_part = method in ("circuitseer", "attention-influence")
    part = request.scored_part
    longest = max(row.window(part)[1] if up_to_part else len(row.ids) for row in rows)
    with room_for(model, n_copies * longest, refuse):
        found = score_shard(twice, request=request, model=model, circuit=circuit).rows
    assert model.memory.halvings
    assert found["row_id"].tolist() == expected["row_id"].tolist()
    assert set(found["status"]) == {"ok"}
    np.testing.assert_allclose(found["score"], expected["score"], rtol=1e-4, atol=1e-6)


def test_what_did_not_fit_is_not_tried_again():
    memory, tried = Memory(), []

    def work(batch):
        tried.append(len(batch))
        if len(batch) > 2:
            refused_by_the_device()
        return [10 * i for i in batch]

    pieces = memory.pieces(range(7), [5] * 7, work)
    assert [piece for piece, _ in pieces] == [[0, 1], [2, 3], [4], [5], [6]]
    assert [i for _, found in pieces for i in found] == [0, 10, 20, 30, 40, 50, 60]
    assert tried == [7, 2, 2, 3, 1, 1, 1]
    memory.pieces(range(7, 11), [5] * 11, work)
    assert tried == [7, 2, 2, 3, 1, 1, 1, 1, 1, 1, 1]
    assert [halving["tried"] for halving in memory.halvings] == [35, 15]


def test_a_row_that_does_not_fit_alone_says_what_to_do():
    with pytest.raises(NoRoomError, match=r"one row of 9 tokens .*allocate.*--dtype bfloat16"):
        Memory().pieces([0, 1], [5, 9], lambda batch: batch == [0] or refused_by_the_system())


def test_other_errors_pass_and_the_failed_pass_is_forgotten():
    def wrong():
        raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        attempt(wrong)
    found = attempt(refused_by_the_system)
    assert isinstance(found, DidNotFit)
    assert "allocate" in found.reason


def test_a_batch_is_as_large_as_free_memory_allows(model, monkeypatch):
    assert batch_tokens(model) == MOST_CPU
    assert free_bytes(model.device) > 2**20
    need = position_bytes(model)
    for free, tokens in ((1100 * need, 512), (0, LEAST), (None, MOST_CPU)):
        monkeypatch.setattr("workbench.models.budget.free_bytes", lambda _device, f=free: f)
        assert batch_tokens(model) == tokens
    fused = with_engine(model, "fused")
    assert position_bytes(fused) < need
    half = dataclasses.replace(model)
    assert half.memory is model.memory
