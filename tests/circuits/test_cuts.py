"""Another cut of a ranking keeps the ranking and draws the circuit anew."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.circuits import Importance, circuit_of, rank_heads, recut
from workbench.types import Head, ModelInfo

INFO = ModelInfo(id="toy", revision=None, weights_sha256="00", n_layers=2, n_heads=3)


@pytest.fixture
def importance() -> Importance:
    rng = np.random.default_rng(0)
    means = np.array([[0.1, 0.5, -0.2], [0.9, 0.0, 0.3]])
    deltas = means + 0.5 * rng.normal(size=(20, 2, 3))
    return Importance(tuple(f"row-{i}" for i in range(20)), np.linspace(1, 2, 20), deltas)


def test_the_first_heads_of_the_ranking_are_selected(importance):
    heads = rank_heads(importance, INFO, min_heads=2)
    cut = recut(heads, 4)
    assert [h.rank for h in cut.heads] == [h.rank for h in heads.heads]
    assert circuit_of(cut).heads[:2] == circuit_of(heads).heads
    assert len(circuit_of(cut).heads) == 4
    assert circuit_of(recut(heads, 1)).heads == (Head(1, 0),)


def test_with_the_deltas_it_is_the_ranking_that_such_a_circuit_would_have_had(importance):
    heads = rank_heads(importance, INFO, min_heads=1)
    asked = rank_heads(importance, INFO, fraction=0.5)
    assert recut(heads, 3, importance=importance) == asked


def test_without_the_deltas_every_head_keeps_its_stability(importance):
    heads = rank_heads(importance, INFO, min_heads=2)
    kept = [h.stability for h in recut(heads, 5).heads]
    assert kept == [h.stability for h in heads.heads]
    assert kept != [h.stability for h in recut(heads, 5, importance=importance).heads]
