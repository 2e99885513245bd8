"""Another cut of a ranking keeps the ranking and draws the circuit anew."""

from __future__ import annotations

from dataclasses import replace

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


@pytest.mark.parametrize("rank_by", ["contribution", "both"])
def test_a_ranking_by_contribution_is_cut_as_well(importance, rank_by):
    rng = np.random.default_rng(1)
    written = replace(importance, deltas=importance.deltas + 0.3 * rng.normal(size=(20, 2, 3)))
    how = {"contributions": written, "rank_by": rank_by}
    heads = rank_heads(importance, INFO, min_heads=1, **how)
    asked = rank_heads(importance, INFO, fraction=0.5, **how)
    assert recut(heads, 3, importance=importance, contributions=written) == asked
    kept = [h.stability for h in recut(heads, 3, importance=importance).heads]
    assert kept == [h.stability for h in heads.heads]
    by_mean = rank_heads(written, INFO, ablation="mean", **how)
    assert len(circuit_of(recut(by_mean, 3, importance=written)).heads) == 3


def test_without_the_deltas_every_head_keeps_its_stability(importance):
    heads = rank_heads(importance, INFO, min_heads=2)
    kept = [h.stability for h in recut(heads, 5).heads]
    assert kept == [h.stability for h in heads.heads]
    assert kept != [h.stability for h in recut(heads, 5, importance=importance).heads]
