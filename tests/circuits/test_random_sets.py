"""Random sets of heads: the circuit's layers, all alike likely, and what p they lead to."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.circuits import (
    layer_matched_sets,
)
from workbench.circuits.effects import p_value
from workbench.errors import InputError
from workbench.types import Head

CIRCUIT = (Head(0, 1), Head(0, 3), Head(2, 0))


@given(st.integers(0, 2**16), st.integers(1, 20))
def test_random_sets_have_the_circuits_layer_counts_and_are_never_it(seed, n_sets):
    sets = layer_matched_sets(CIRCUIT, n_heads=4, n_sets=n_sets, seed=seed)
    assert len(sets) == n_sets
    for heads in sets:
        assert Counter(head.layer for head in heads) == {0: 2, 2: 1}
        assert len(set(heads)) == 3
        assert all(0 <= head.head < 4 for head in heads)
        assert set(heads) != set(CIRCUIT)


def test_every_other_set_is_drawn_about_as_often():
    """Of 28 pairs one is the circuit, so its heads are in 6 of the other 27 and the rest in 7."""
    circuit = [Head(0, 0), Head(0, 1)]
    counts = np.zeros(8)
    for seed in range(300):
        sets = layer_matched_sets(circuit, n_heads=8, n_sets=9, seed=seed)
        assert len({frozenset(heads) for heads in sets}) == 9
        counts += np.bincount([head.head for heads in sets for head in heads], minlength=8)
    np.testing.assert_allclose(counts, [600] * 2 + [700] * 6, rtol=0.1)


def test_where_no_more_sets_are_left_all_of_them_are_taken():
    sets = layer_matched_sets([Head(1, 2)], n_heads=4, n_sets=50, seed=0)
    assert sets == [(Head(1, 0),), (Head(1, 1),), (Head(1, 3),)]


@pytest.mark.parametrize(("n_heads", "count"), [(4, 1), (8, 1), (12, 1), (8, 2), (24, 2)])
def test_a_head_like_all_others_is_found_significant_no_more_often_than_said(n_heads, count):
    """Costs drawn alike for every set: p falls to a level in at most that share of cases."""
    rng = np.random.default_rng(n_heads + count)
    circuit = [Head(0, head) for head in range(count)]
    found = []
    for seed in range(2000):
        sets = layer_matched_sets(circuit, n_heads=n_heads, n_sets=50, seed=seed)
        of_set = dict.fromkeys(map(frozenset, sets))
        costs = {heads: rng.normal() for heads in of_set}
        drawn = np.array([costs[frozenset(heads)] for heads in sets])
        found.append(p_value(rng.normal(), drawn))
    for level in (0.05, 0.1, 0.25):
        # Three standard deviations of a share of 2,000.
        assert np.mean(np.array(found) <= level) <= level + 3 * (level * (1 - level) / 2000) ** 0.5


def test_random_sets_repeat_with_the_seed():
    first, again, other = (
        layer_matched_sets(CIRCUIT, n_heads=4, n_sets=9, seed=seed) for seed in (5, 5, 6)
    )
    assert first == again
    assert first != other


def test_a_circuit_that_fills_its_layers_has_no_random_counterpart():
    full = [Head(1, head) for head in range(4)]
    with pytest.raises(InputError, match=r"the circuit fills its layers.*a smaller circuit"):
        layer_matched_sets(full, n_heads=4, n_sets=1, seed=0)
    assert layer_matched_sets([*full, Head(0, 0)], n_heads=4, n_sets=1, seed=0)
