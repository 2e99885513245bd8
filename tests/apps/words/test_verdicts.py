"""What a validation is called in one sentence, on the page before its figures."""

from __future__ import annotations

import pytest

from apps.words.verdicts import headline
from tests.apps.conftest import open_page, result, words


@pytest.mark.parametrize(
    ("supported", "p", "begins"),
    [
        (True, 0.01, "Shown on this data"),
        (True, 0.4, "In doubt"),
        (False, 0.01, "Shown by what these heads contribute"),
        (False, 0.4, "Not shown"),
    ],
)
def test_a_validation_is_shown_in_doubt_or_not_shown(supported, p, begins):
    assert headline(report_of(supported, p)).startswith(begins)


def report_of(supported: bool, p: float, *, circuit: float = 2.0) -> dict:
    return {
        "supported": supported,
        "contribution": {"p": p, "n_random": 20},
        "n_decoded": 0,
        "base": {"loss": 1.0, "accuracy": None},
        "circuit": {"loss": circuit},
        "all": {"loss": 5.0},
    }


def test_a_circuit_that_breaks_the_model_is_shown_with_a_reservation():
    said = headline(report_of(True, 0.01, circuit=4.8))
    assert said.startswith("Shown with a reservation")
    assert "breaks the model" in said


def test_the_page_says_it_before_the_figures(finished):
    said = headline(result(finished, "validate-*/validation.json"))
    at = open_page("validate")
    (box,) = [*at.success, *at.warning]
    assert box.value.startswith(f"**{said}**")
    assert "does not show" in words(at)
