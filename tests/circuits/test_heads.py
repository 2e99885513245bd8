import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.circuits import (
    Importance,
    circuit_of,
    compare_heads,
    measure_heads,
    n_selected,
    rank_heads,
)
from workbench.engines import HookedEngine, sample_losses
from workbench.errors import InputError
from workbench.models import render
from workbench.types import Head, ModelInfo, ProbeSet

INFO = ModelInfo(id="toy", revision=None, weights_sha256="00", n_layers=2, n_heads=3)


def importance(means, *, noise=0.0, n_samples=20, seed=0):
    """Deltas with these means over the samples, one row a layer."""
    rng = np.random.default_rng(seed)
    means = np.asarray(means, dtype=float)
    spread = noise * rng.normal(size=(n_samples, *means.shape))
    return Importance(
        row_ids=tuple(f"row-{i}" for i in range(n_samples)),
        base_loss=np.linspace(1, 2, n_samples),
        deltas=means + spread - spread.mean(axis=0),
    )


MEANS = [[0.1, 0.5, -0.2], [0.9, 0.0, 0.3]]


@pytest.mark.parametrize(
    ("n_heads", "fraction", "expected"),
    [
        (336, 0.05, 17),
        (10, 0.05, 1),
        (30, 0.05, 2),
        (50, 0.05, 3),
        (48, 0.05, 2),
        (4, 0.05, 1),
        (4, 0.001, 1),
        (4, 1.0, 4),
    ],
)
def test_a_fraction_of_heads_is_rounded_half_up_and_at_least_one(n_heads, fraction, expected):
    assert n_selected(n_heads, fraction) == expected


@given(st.integers(1, 2000), st.floats(1e-6, 1), st.integers(1, 10))
def test_a_circuit_is_never_empty_and_never_more_than_the_model(n_heads, fraction, min_heads):
    n = n_selected(n_heads, fraction, min_heads=min_heads)
    assert min(min_heads, n_heads) <= n <= n_heads
    assert abs(n - fraction * n_heads) <= 0.5 + 1e-9 or n in (min_heads, n_heads)


@pytest.mark.parametrize("fraction", [0.0, 2.0, -0.1, float("nan")])
def test_a_fraction_that_is_no_share_is_refused_in_words(fraction):
    words = rf"fraction is {fraction}, expected a share above 0 and up to 1; pass --fraction 0\.05"
    with pytest.raises(InputError, match=words):
        n_selected(336, fraction)


def test_heads_are_ranked_by_their_mean_delta():
    heads = rank_heads(importance(MEANS, noise=0.01), INFO, fraction=1 / 3)
    assert [(h.layer, h.head) for h in heads.heads] == [(i, j) for i in (0, 1) for j in range(3)]
    assert [h.rank for h in heads.heads] == [4, 2, 6, 1, 5, 3]
    assert [h.delta for h in heads.heads] == pytest.approx(np.ravel(MEANS).tolist())
    assert [h.selected for h in heads.heads] == [False, True, False, True, False, False]
    assert all(h.ci_low <= h.delta <= h.ci_high for h in heads.heads)
    assert (heads.base_loss, heads.n_samples) == (pytest.approx(1.5), 20)


def test_the_circuit_is_the_selected_heads_the_costliest_first():
    heads = rank_heads(importance(MEANS), INFO, fraction=0.5)
    assert circuit_of(heads).heads == (Head(1, 0), Head(0, 1), Head(1, 2))
    assert circuit_of(heads).model == INFO


def test_equal_deltas_are_ranked_in_the_order_of_the_heads():
    heads = rank_heads(importance(np.zeros((2, 3))), INFO, fraction=1 / 6)
    assert [h.rank for h in heads.heads] == [1, 2, 3, 4, 5, 6]


def test_a_planted_head_is_found_and_stable_and_the_ranking_repeats():
    planted = np.zeros((2, 3))
    planted[1, 2] = 5
    first, again, other = (
        rank_heads(importance(planted, noise=1), INFO, seed=seed) for seed in (0, 0, 1)
    )
    assert circuit_of(first).heads == (Head(1, 2),)
    assert first.heads[5].stability == 1
    assert first == again
    assert [h.ci_low for h in first.heads] != [h.ci_low for h in other.heads]
    assert [h.rank for h in first.heads] == [h.rank for h in other.heads]


def test_measured_deltas_do_not_depend_on_the_size_of_a_batch(tiny_model, samples):
    probe = ProbeSet(samples, strategy="random", seed=0)
    small, large = (
        measure_heads(HookedEngine(tiny_model), probe, batch_tokens=n_tokens)
        for n_tokens in (1, 10**5)
    )
    assert small.row_ids == large.row_ids == tuple(s.row_id for s in samples)
    np.testing.assert_allclose(small.deltas, large.deltas, atol=1e-5, rtol=0)
    rows = [render(s, tiny_model.tokenizer) for s in samples]
    clean = sample_losses(HookedEngine(tiny_model), rows, batches=[range(len(rows))])
    np.testing.assert_allclose(small.base_loss, clean, atol=1e-5, rtol=0)


def test_a_ranking_agrees_with_itself_and_is_the_reverse_of_its_reverse():
    heads = rank_heads(importance(MEANS), INFO, fraction=1 / 3)
    turned = rank_heads(importance(-np.array(MEANS)), INFO, fraction=1 / 3)
    same, opposite = compare_heads(heads, heads), compare_heads(heads, turned)
    assert (same["overlap"], same["rank_correlation"]) == (1, pytest.approx(1))
    assert (same["shared"], same["only_a"], same["only_b"]) == (["0.1", "1.0"], [], [])
    assert (opposite["overlap"], opposite["rank_correlation"]) == (0, pytest.approx(-1))
    assert (opposite["only_a"], opposite["only_b"]) == (["0.1", "1.0"], ["0.2", "1.1"])


def test_one_shared_head_of_three_is_an_overlap_of_a_third():
    a = rank_heads(importance(MEANS), INFO, fraction=1 / 3)
    b = rank_heads(importance([[0, 0, 0.5], [0.9, 0, 0]]), INFO, fraction=1 / 3)
    compared = compare_heads(a, b)
    assert compared["overlap"] == pytest.approx(1 / 3)
    assert (compared["shared"], compared["only_b"]) == (["1.0"], ["0.2"])


def test_the_comparison_does_not_depend_on_the_order_in_which_heads_are_listed():
    a = rank_heads(importance(MEANS), INFO)
    shuffled = dataclasses.replace(a, heads=a.heads[::-1])
    assert compare_heads(a, shuffled)["rank_correlation"] == pytest.approx(1)


def test_maps_of_different_shapes_cannot_be_compared():
    a = rank_heads(importance(MEANS), INFO)
    b = rank_heads(importance(np.zeros((3, 3))), dataclasses.replace(INFO, n_layers=3))
    with pytest.raises(InputError, match=r"have 2 x 3 and 3 x 3 heads, expected two results on"):
        compare_heads(a, b)
