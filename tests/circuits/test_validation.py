from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.ablation import uniform_heads
from workbench.circuits import Importance, layer_matched_sets, rank_heads, validate_circuit
from workbench.circuits.validation import p_value, verdict
from workbench.errors import InputError
from workbench.models import render, sample_losses
from workbench.types import Head, Message, Sample

CIRCUIT = (Head(0, 1), Head(0, 3), Head(2, 0))


def heads_of(model, chosen):
    """A ranking of the model's heads with `chosen` at its top, in that order."""
    deltas = np.zeros((5, model.n_layers, model.n_heads))
    for place, (layer, head) in enumerate(chosen):
        deltas[:, layer, head] = len(chosen) - place
    importance = Importance(tuple("abcde"), np.ones(5), deltas)
    return rank_heads(importance, model.info, fraction=len(chosen) / deltas[0].size)


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
    sets = layer_matched_sets([Head(0, 0), Head(0, 1)], n_heads=8, n_sets=2700, seed=0)
    counts = np.bincount([head.head for heads in sets for head in heads])
    np.testing.assert_allclose(counts, [600] * 2 + [700] * 6, rtol=0.1)


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


@pytest.mark.parametrize(
    ("cost", "expected"), [(5.0, 1 / 5), (4.0, 2 / 5), (2.5, 3 / 5), (0.0, 5 / 5)]
)
def test_the_p_value_counts_the_circuit_itself_and_draws_that_cost_as_much(cost, expected):
    assert p_value(cost, np.array([1.0, 2.0, 3.0, 4.0])) == pytest.approx(expected)


def report(*, accuracy=0.9, of_circuit=0.2, of_random=0.85, p_accuracy=0.02, p_loss=0.02):
    return {
        "base": {"accuracy": accuracy, "loss": 1.0},
        "circuit": {"accuracy": of_circuit, "loss": 3.0},
        "random": {"mean_accuracy": of_random, "mean_loss": 1.1},
        "n_random": 50,
        "p_accuracy": p_accuracy,
        "p_loss": p_loss,
    }


def test_the_verdict_of_a_clear_case_claims_no_more_than_was_shown():
    words = verdict(report())
    assert "costs 70% of all answers, 50 random sets of the same layers cost 5%" in words
    assert "(p = 0.020 by accuracy)" in words
    assert "These heads matter more than others of their layers" in words
    assert "does not show that they do nothing else" in words


def test_the_verdict_of_an_unclear_case_claims_nothing():
    words = verdict(report(of_circuit=0.84, p_accuracy=0.4))
    assert "No sign that these heads matter more" in words
    assert "These heads matter" not in words


def test_a_model_that_solves_nothing_is_judged_by_loss():
    words = verdict(report(accuracy=0.0, of_circuit=0.0, of_random=0.0, p_accuracy=1.0))
    assert "(p = 0.020 by loss)" in words
    assert "These heads matter more" in words


def test_validation_reports_the_losses_of_full_runs(tiny_model, samples):
    control = [Sample("c", 0, "tests", "text", text="It was a dark and stormy night.")]
    found = validate_circuit(
        tiny_model, heads_of(tiny_model, CIRCUIT), samples, control=control, n_random=5, seed=3
    )
    rows = [render(sample, tiny_model.tokenizer) for sample in samples]
    control_rows = [render(sample, tiny_model.tokenizer) for sample in control]
    every = [Head(layer, head) for layer in range(3) for head in range(4)]
    random = layer_matched_sets(CIRCUIT, n_heads=4, n_sets=5, seed=3)

    def loss(heads, rows=rows, part="completion"):
        with uniform_heads(tiny_model, heads):
            return sample_losses(tiny_model, rows, batches=[range(len(rows))], part=part).mean()

    def close(expected):
        return pytest.approx(expected, abs=1e-5)

    assert found["base"]["loss"] == close(loss(()))
    assert found["circuit"]["loss"] == close(loss(CIRCUIT))
    assert found["all"]["loss"] == close(loss(every))
    assert found["random"]["loss"] == [close(loss(heads)) for heads in random]
    assert found["control"]["base_loss"] == close(loss((), control_rows, "all"))
    assert found["control"]["circuit_loss"] == close(loss(CIRCUIT, control_rows, "all"))
    assert found["heads"] == [list(head) for head in CIRCUIT]
    assert found["n_samples"] == len(samples)
    n_as_costly = sum(x >= found["circuit"]["loss"] for x in found["random"]["loss"])
    assert found["p_loss"] == (1 + n_as_costly) / 6
    assert found["verdict"] == verdict(found)


def test_the_bottom_heads_are_as_many_and_from_the_other_end(tiny_model, samples):
    heads = heads_of(tiny_model, CIRCUIT)
    found = validate_circuit(tiny_model, heads, samples, n_random=1)
    bottom = [(h.layer, h.head) for h in sorted(heads.heads, key=lambda h: -h.rank)[:3]]
    rows = [render(sample, tiny_model.tokenizer) for sample in samples]
    with uniform_heads(tiny_model, [Head(*place) for place in bottom]):
        expected = sample_losses(tiny_model, rows, batches=[range(len(rows))]).mean()
    assert found["bottom"]["loss"] == pytest.approx(expected, abs=1e-5)


def test_validation_repeats_with_the_seed(tiny_model, samples):
    heads = heads_of(tiny_model, CIRCUIT)
    first, again, other = (
        validate_circuit(tiny_model, heads, samples[:2], n_random=4, seed=seed)
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first["random"]["loss"] != other["random"]["loss"]


def test_rows_without_a_solution_cannot_be_validated_on(tiny_model):
    rows = [Sample("a", 0, "tests", "messages", messages=(Message("user", "Hi"),))]
    with pytest.raises(InputError, match=r"none of the 1 rows can be validated on.*a solution"):
        validate_circuit(tiny_model, heads_of(tiny_model, CIRCUIT), rows, n_random=1)


def test_a_control_without_a_usable_row_is_refused(tiny_model, samples):
    too_long = [Sample("c", 0, "tests", "text", text="x" * 200)]
    with pytest.raises(InputError, match="none of the 1 control rows can be used"):
        validate_circuit(
            tiny_model, heads_of(tiny_model, CIRCUIT), samples, control=too_long, n_random=1
        )
