import pytest

from workbench.circuits.verdict import (
    is_clear,
    is_doubtful,
    is_shown_by_contribution,
    reservation,
    trusted_measure,
    verdict,
)


def report(
    *,
    accuracy=0.9,
    of_circuit=0.2,
    of_random=0.85,
    of_all=0.0,
    n=40,
    p=0.02,
    p_loss=0.02,
    n_random=50,
    draws=None,
    **more,
):
    decoded = accuracy is not None
    of_draws = {"accuracy": draws or [of_random] * n_random} if decoded else {}
    return {
        "base": {"accuracy": accuracy, "loss": 1.0},
        "circuit": {"accuracy": of_circuit if decoded else None, "loss": 3.0},
        "all": {"accuracy": of_all if decoded else None, "loss": 5.0},
        "only": {"recovered": 0.25},
        "random": {"mean_accuracy": of_random if decoded else None, "mean_loss": 1.1, **of_draws},
        "n_random": n_random,
        "n_decoded": n if decoded else 0,
        "held_out": True,
        "effect": {
            "loss": {"cost": 2.0, "random_cost": 0.1, "p": p_loss},
            "accuracy": {"cost": 0.7, "random_cost": 0.05, "p": p} if decoded else None,
        },
        "controls": [],
        "stability": None,
        "supported": (p if decoded else p_loss) < 0.05,
        **more,
    }


def test_the_verdict_of_a_clear_case_claims_no_more_than_was_shown():
    words = verdict(report())
    assert "answers 20% of 40 problems instead of 90%" in words
    assert "with 50 random sets of the same layers 85% on average (p = 0.020 by accuracy)" in words
    assert "These heads matter more than others of their layers on this data" in words
    assert "does not show that these heads do nothing else" in words
    assert "nor what holds on other data" in words


@pytest.mark.parametrize(("p", "doubtful"), [(1 / 21, False), (2 / 21, True)])
def test_a_circuit_that_only_uniform_attention_sets_apart_is_doubtful(p, doubtful):
    found = report(contribution={"cost": 1.25, "random_cost": 0.3, "p": p, "n_random": 20})
    assert is_doubtful(found) == doubtful
    assert ("By what the heads contribute nothing is shown" in verdict(found)) == doubtful


@pytest.mark.parametrize("more", [{"n_random": 10}, {}])
def test_the_least_p_of_few_sets_is_no_doubt(more):
    found = report(contribution={"cost": 1.25, "random_cost": 0.3, "p": 1 / 11, **more})
    assert not is_doubtful(found)
    assert "No set costs as much; so few cannot show more" in verdict(found)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"circuit": {"accuracy": 0.0, "loss": 4.7}}, "it breaks the model as all heads uniform"),
        ({"accuracy": 0.0, "p_loss": 0.01}, "the unchanged model solves none of these problems"),
    ],
)
def test_a_broken_model_or_one_that_solves_nothing_is_shown_with_a_reservation(more, why):
    assert is_clear(report())
    assert reservation(report()) == ""
    found = report(**more)
    assert found["supported"]
    assert why in reservation(found)
    assert not is_clear(found)


def test_what_is_not_shown_at_all_is_not_doubtful_besides():
    found = report(p=0.4, contribution={"cost": 1.25, "random_cost": 0.3, "p": 0.09})
    assert not is_doubtful(found)


@pytest.mark.parametrize(("p", "shown"), [(0.01, True), (0.09, False)])
def test_a_circuit_that_only_its_contribution_sets_apart_is_said_to_be(p, shown):
    """On SmolLM2 one random set of twenty held an idle head, and cost more than the circuit."""
    beside = {"cost": 1.89, "random_cost": 0.4, "p": p, "n_random": 99}
    found = report(accuracy=None, p_loss=0.095, contribution=beside)
    words = verdict(found)
    assert is_shown_by_contribution(found) == shown
    assert ("No sign under uniform attention" in words) == shown
    assert ("So by what they contribute these heads matter more" in words) == shown
    assert not is_shown_by_contribution(found | {"ablation": "mean"})
    assert not is_shown_by_contribution(found | {"supported": True})


def test_the_verdict_of_an_unclear_case_claims_nothing():
    words = verdict(report(of_circuit=0.84, p=0.4))
    assert "No sign that these heads matter more" in words
    assert "These heads matter" not in words


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"accuracy": None}, "no answers were decoded"),
        ({"n": 12}, "12 decoded answers are too few"),
        ({"accuracy": 0.2, "n": 40}, "answers only 8 of 40 problems"),
        ({"accuracy": 0.3, "of_all": 0.25}, "hardly answers more than one without attention"),
        (
            {"of_circuit": 0.0, "draws": [0.0, 0.0, *[0.8] * 48]},
            "the circuit and 2 of 50 random sets leave no more answers right than chance",
        ),
    ],
)
def test_the_loss_is_the_judge_where_accuracy_says_little_and_the_reason_is_told(change, why):
    weak = report(**change)
    measure, reason = trusted_measure(weak)
    assert measure == "loss"
    assert why in reason
    words = verdict(weak)
    said = "" if change == {"accuracy": None} else " (by it p = 0.020)"
    assert f"Accuracy is not the judge here{said}: " in words
    assert "raises the loss by 2.000 nats a token" in words
    assert "p = 0.020 by loss" in words
    assert why in words


def test_accuracy_is_the_judge_of_a_model_that_answers():
    assert trusted_measure(report()) == ("accuracy", "")
    # It alone costs every answer, or others do and it does not: the answers can rank it.
    assert trusted_measure(report(of_circuit=0.0)) == ("accuracy", "")
    assert trusted_measure(report(draws=[0.0] * 50)) == ("accuracy", "")


def test_too_few_draws_can_show_nothing_and_say_so():
    words = verdict(report(n_random=10, p=1 / 11))
    assert "With 10 draws nothing can be shown: p is at least 0.09" in words
    assert "No sign" not in words


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.1, 0.5, "costs these problems more than other text (+0.500 nats here, +0.200 on text)"),
        (-0.5, -0.1, "costs other text even more (+0.500 nats here, +0.200 on text): not special"),
        (-0.1, 0.1, "no clear difference to other text"),
    ],
)
def test_each_control_is_told_on_its_own(low, high, words):
    control = {
        "data": "text",
        "random_loss": [1.0] * 10,
        "specificity": {"problems": 0.5, "control": 0.2, "low": low, "high": high},
    }
    assert words in verdict(report(controls=[control]))
    assert "Beyond the mean of 10 random sets" in verdict(report(controls=[control]))


def test_what_the_circuit_does_alone_is_told():
    assert "these heads keep 25% of what all do" in verdict(report())
    assert "Alone" not in verdict(report(only={"recovered": None}))
    assert "these heads keep 0% of" in verdict(report(only={"recovered": -0.002}))


def test_a_circuit_that_half_a_probe_does_not_find_again_is_told():
    shaky = {"halves": {"overlap": {"mean": 0.2}}}
    assert "Two halves of the probe choose largely different heads (overlap 0.20)" in verdict(
        report(stability=shaky)
    )
    assert "Two halves" not in verdict(report(stability={"halves": {"overlap": {"mean": 0.9}}}))


def test_rows_that_the_heads_were_found_on_are_told():
    assert "rows that the heads were found on" in verdict(report(held_out=False))
    assert "rows that the heads were found on" not in verdict(report())
    assert "Not known is which rows the heads were found on" in verdict(report(held_out=None))
    assert "Not known" not in verdict(report())
