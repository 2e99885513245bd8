import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.planted_pair import FIRST, SECOND, pair_rows, write_pair
from workbench.ablation import ablated_heads
from workbench.circuits import (
    Importance,
    ValidationOptions,
    layer_matched_sets,
    rank_heads,
    validate_circuit,
)
from workbench.circuits.answering import answerable, answers_right
from workbench.circuits.curve import knockout_sets
from workbench.circuits.knockouts import head_sets
from workbench.circuits.verdict import verdict
from workbench.data import to_sample
from workbench.engines import HookedEngine, decode, decoded_text, sample_losses
from workbench.errors import InputError
from workbench.models import load_model, render
from workbench.probe import usable_samples
from workbench.stages.heads import with_circuit
from workbench.types import Head, Message, Sample

CIRCUIT = (Head(0, 1), Head(0, 3), Head(2, 0))
PLANTED = (Head(*FIRST), Head(*SECOND))
QUICK = ValidationOptions(n_random=5, seed=3, decode_n=0, curve_n=0)


def heads_of(model, chosen):
    """A ranking of the model's heads with `chosen` at its top, in that order."""
    deltas = np.zeros((5, model.n_layers, model.n_heads))
    for place, (layer, head) in enumerate(chosen):
        deltas[:, layer, head] = len(chosen) - place
    importance = Importance(tuple("abcde"), np.ones(5), deltas)
    return rank_heads(importance, model.info, fraction=len(chosen) / deltas[0].size)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A model in which two heads do the task, and problems it solves."""
    model = load_model(str(write_pair(tmp_path_factory.mktemp("pair"))), device="cpu")
    return model, [to_sample(row, i, "pair") for i, row in enumerate(pair_rows(30))]


@pytest.fixture(scope="module")
def planted(pair):
    model, samples = pair
    options = ValidationOptions(decode_n=30, curve_n=10)
    importance = Importance(tuple("ab"), np.ones(2), np.zeros((2, 2, 8)))
    return validate_circuit(
        HookedEngine(model),
        heads_of(model, PLANTED),
        samples,
        importance=(importance, None),
        options=options,
    )


def test_a_planted_circuit_is_validated_by_decoded_answers(planted):
    assert planted["base"]["accuracy"] > 0.8
    assert planted["circuit"]["accuracy"] < 0.2
    assert planted["judged_by"] == "accuracy"
    assert planted["p"] == planted["p_accuracy"] < 0.02
    assert planted["p_loss"] < 0.02
    assert planted["effect"]["accuracy"]["low"] > 0.3
    assert planted["supported"]
    assert "These heads matter more than others of their layers" in planted["verdict"]


def test_heads_that_do_nothing_are_not_validated(pair, planted):
    model, samples = pair
    idle = heads_of(model, (Head(0, 6), Head(1, 1)))
    found = validate_circuit(
        HookedEngine(model), idle, samples, options=ValidationOptions(decode_n=30, curve_n=0)
    )
    assert found["judged_by"] == "accuracy"
    assert found["p"] > 0.2
    assert not found["supported"]
    assert "No sign that these heads matter more" in found["verdict"]
    assert "These heads matter" not in found["verdict"]
    assert found["base"] == planted["base"]


def test_knocking_out_by_rank_costs_more_at_once_than_in_random_order(planted):
    curve = planted["curve"]
    two = curve["n_heads"].index(2)
    assert curve["loss"][two] == pytest.approx(planted["circuit"]["loss"], rel=0.2)
    assert curve["loss"][two] > np.mean(curve["random_loss"], axis=0)[two]
    assert len(curve["random_loss"]) == 3
    assert curve["base_loss"] == pytest.approx(planted["base"]["loss"], rel=0.5)


def test_the_planted_pair_suffices_and_no_other_pair_does(planted):
    assert planted["only"]["accuracy"] > 0.8
    assert planted["only"]["recovered"] > 0.9
    assert "keep 9" in planted["verdict"] or "keep 10" in planted["verdict"]


def test_validation_reports_the_losses_of_full_runs(tiny_model, samples):
    control = [Sample("c", 0, "tests", "text", text="It was a dark and stormy night.")]
    found = validate_circuit(
        HookedEngine(tiny_model),
        heads_of(tiny_model, CIRCUIT),
        samples,
        controls={"night": control, "same": samples},
        options=QUICK,
    )
    rows = [render(sample, tiny_model.tokenizer) for sample in samples]
    control_rows = [render(sample, tiny_model.tokenizer) for sample in control]
    every = [Head(layer, head) for layer in range(3) for head in range(4)]
    random = layer_matched_sets(CIRCUIT, n_heads=4, n_sets=5, seed=3)

    def loss(heads, rows=rows, part="completion"):
        with ablated_heads(tiny_model, heads):
            return sample_losses(
                HookedEngine(tiny_model), rows, batches=[range(len(rows))], part=part
            ).mean()

    def close(expected):
        return pytest.approx(expected, abs=1e-5)

    assert found["base"]["loss"] == close(loss(()))
    assert found["circuit"]["loss"] == close(loss(CIRCUIT))
    assert found["all"]["loss"] == close(loss(every))
    assert found["only"]["loss"] == close(loss(set(every) - set(CIRCUIT)))
    assert found["random"]["loss"] == [close(loss(heads)) for heads in random]
    night, same = found["controls"]
    assert (night["data"], same["data"]) == ("night", "same")
    assert night["base_loss"] == close(loss((), control_rows, "all"))
    assert night["circuit_loss"] == close(loss(CIRCUIT, control_rows, "all"))
    assert same["circuit_loss"] == found["circuit"]["loss"]
    assert same["random_loss"] == found["random"]["loss"]
    assert same["specificity"]["difference"] == 0
    assert found["heads"] == [list(head) for head in CIRCUIT]
    assert found["n_samples"] == len(samples)
    n_as_costly = sum(x >= found["circuit"]["loss"] for x in found["random"]["loss"])
    assert found["p_loss"] == (1 + n_as_costly) / 6
    assert found["verdict"] == verdict(found)


def test_without_decoding_there_is_no_accuracy_and_the_loss_is_judged_by(tiny_model, samples):
    found = validate_circuit(
        HookedEngine(tiny_model), heads_of(tiny_model, CIRCUIT), samples, options=QUICK
    )
    assert found["n_decoded"] == 0
    assert found["base"]["accuracy"] is found["random"]["accuracy"] is None
    assert found["p_accuracy"] is found["effect"]["accuracy"] is None
    assert found["judged_by"] == "loss"
    assert "no answers were decoded" in found["verdict"]


def test_the_bottom_heads_are_as_many_and_from_the_other_end(tiny_model, samples):
    heads = heads_of(tiny_model, CIRCUIT)
    found = validate_circuit(HookedEngine(tiny_model), heads, samples, options=QUICK)
    bottom = [(h.layer, h.head) for h in sorted(heads.heads, key=lambda h: -h.rank)[:3]]
    rows = [render(sample, tiny_model.tokenizer) for sample in samples]
    with ablated_heads(tiny_model, [Head(*place) for place in bottom]):
        expected = sample_losses(HookedEngine(tiny_model), rows, batches=[range(len(rows))]).mean()
    assert found["bottom"]["loss"] == pytest.approx(expected, abs=1e-5)


def test_one_after_another_the_heads_of_a_circuit_chosen_by_hand_come_first(tiny_model):
    chosen = [(2, 3), (1, 1)]
    heads = with_circuit(heads_of(tiny_model, CIRCUIT), chosen)
    ranked = head_sets(tiny_model, heads, n_random=2, seed=0).ranked
    assert set(ranked[:2]) == set(chosen)
    assert ranked[2:5] == CIRCUIT
    assert len(set(ranked)) == len(heads.heads)


def test_validation_repeats_with_the_seed(tiny_model, samples):
    heads = heads_of(tiny_model, CIRCUIT)
    first, again, other = (
        validate_circuit(
            HookedEngine(tiny_model),
            heads,
            samples[:2],
            options=ValidationOptions(
                n_random=4, seed=seed, decode_n=1, max_new_tokens=2, curve_n=1
            ),
        )
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first["random"]["loss"] != other["random"]["loss"]


def test_rows_without_a_solution_cannot_be_validated_on(tiny_model):
    rows = [Sample("a", 0, "tests", "messages", messages=(Message("user", "Hi"),))]
    with pytest.raises(InputError, match=r"none of the 1 rows can be validated on.*a solution"):
        validate_circuit(
            HookedEngine(tiny_model), heads_of(tiny_model, CIRCUIT), rows, options=QUICK
        )


def test_a_control_without_a_usable_row_is_refused(tiny_model, samples):
    too_long = {"long": [Sample("c", 0, "tests", "text", text="x" * 200)]}
    with pytest.raises(InputError, match="none of the 1 control rows of 'long' can be used"):
        validate_circuit(
            HookedEngine(tiny_model),
            heads_of(tiny_model, CIRCUIT),
            samples,
            controls=too_long,
            options=QUICK,
        )


def test_a_problem_that_can_be_answered_has_a_checkable_answer(pair, samples):
    model, rows = pair
    text = Sample("t", 0, "tests", "text", text="12345612")
    unchecked = to_sample({"problem": "123", "solution": "so"}, 0, "tests")
    every = [unchecked, text, *rows]
    found = answerable(usable_samples(model, every), every, n=4)
    assert [problem.reference.answer for problem in found] == [r.completion for r in rows[:4]]
    assert [problem.n_solution for problem in found] == [2] * 4
    assert model.tokenizer.decode(found[0].prompt) == f"{rows[0].prompt}\n"


def test_answers_are_right_as_decoding_by_hand_says(pair):
    model, rows = pair
    problems = answerable(usable_samples(model, rows), rows, n=12)
    answered = answers_right(HookedEngine(model), problems, [(), PLANTED[:1]])
    # The longest own answer is two digits and the end of text.
    assert answered.max_new_tokens == round(3 * 1.25) + 8
    for heads, right in zip(((), PLANTED[:1]), answered.right, strict=True):
        with ablated_heads(model, heads):
            new = decode(HookedEngine(model), [p.prompt for p in problems], max_new_tokens=12)
        texts = [decoded_text(model, ids) for ids in new]
        assert right.tolist() == [t == r.completion for t, r in zip(texts, rows, strict=False)]
    assert not answers_right(HookedEngine(model), problems, [()], max_new_tokens=1).right.any()


@given(st.integers(1, 20), st.integers(1, 40), st.integers(0, 99))
def test_knockouts_grow_along_each_order_and_meet_the_circuit(n_circuit, n_more, seed):
    ranked = [Head(0, i) for i in range(n_circuit + n_more)]
    plan = knockout_sets(ranked, n_circuit=n_circuit, n_orders=2, seed=seed)
    assert n_circuit in plan.sizes
    assert plan.sizes[0] == 1 or plan.sizes == (n_circuit,)
    assert len(plan.sizes) <= 8
    assert max(plan.sizes) <= len(ranked)
    assert plan.orders[0] == tuple(ranked)
    assert all(sorted(order) == ranked for order in plan.orders)
    assert plan.sets[0] == tuple(ranked[: plan.sizes[0]])
