"""Forms made of option records: they begin with the defaults, and flags say what differs."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from streamlit.testing.v1 import AppTest

from apps.jobs.form import flags_of, is_share, step_of
from workbench.errors import InputError
from workbench.options import (
    HeadsOptions,
    LocalizeOptions,
    MaskOptions,
    ProbeOptions,
    ReportOptions,
    RetrievalOptions,
    SpendOptions,
    StepWeights,
    TuneOptions,
    UpdateOptions,
    ValidateOptions,
    check_options,
    option,
    records,
)

EVERY = (
    *(HeadsOptions, LocalizeOptions, MaskOptions, ProbeOptions, ReportOptions, RetrievalOptions),
    *(SpendOptions, StepWeights, TuneOptions, UpdateOptions, ValidateOptions),
)


@dataclass(frozen=True)
class Odd:
    """One option of every kind."""

    n: int = option(3, "Number of things.", low=1, high=9)
    share: float = option(0.25, "Share of things.", low=0, high=1)
    lr: float = option(1e-4, "Step size.", low=0, open_low=True)
    limit: int | None = option(None, "Most.", low=1)
    word: str = option("b", "One of them.", choices=("a", "b"))
    pack: str | None = option(None, "Perhaps.", choices=("x", "y"))
    name: str | None = option(None, "Any.", metavar="NAME")
    sizes: tuple[float, ...] = option((1.0, 2.0), "Several.", low=0, many=True, flag="--size")
    kinds: tuple[str, ...] = option(("p",), "Some.", choices=("p", "q"), many=True)
    fast: bool = option(False, "Quick.")
    tidy: bool = option(True, "Clean.", flag="--tidy/--no-tidy")

    def __post_init__(self) -> None:
        check_options(self)


def draw(first=()):
    """What runs inside of the test's page."""
    import streamlit as st

    from apps.jobs.form import Face, flags_of, form
    from tests.apps.jobs.test_form import Odd
    from workbench.errors import InputError

    try:
        answers = form(Odd, keep="odd", first=first, faces={"lr": Face("Rate", key="rate")})
    except InputError as err:
        st.error(str(err))
    else:
        st.session_state["found"] = Odd(**answers)
        st.code(" ".join(flags_of(Odd, answers)))


@pytest.fixture
def page() -> AppTest:
    return AppTest.from_function(draw).run()


def test_a_form_begins_with_the_defaults_of_the_command(page):
    assert page.session_state["found"] == Odd()
    assert page.code[0].value == ""


def test_labels_and_help_are_those_of_the_record_or_of_the_page(page):
    assert page.number_input(key="odd_n").help == "Number of things."
    assert page.number_input(key="rate").label == "Rate"
    assert page.number_input(key="odd_share").label == "Share, %"
    assert page.text_input(key="odd_sizes").label == "Size"


def test_every_kind_of_answer_becomes_a_flag(page):
    page.number_input(key="odd_n").set_value(5)
    page.number_input(key="odd_share").set_value(7.0)
    page.number_input(key="rate").set_value(3e-5)
    page.number_input(key="odd_limit").set_value(40)
    page.selectbox(key="odd_word").select("a")
    page.selectbox(key="odd_pack").select("y")
    page.text_input(key="odd_name").set_value("--out=x")
    page.text_input(key="odd_sizes").set_value("0.5, 2")
    page.multiselect(key="odd_kinds").set_value(["p", "q"])
    page.toggle(key="odd_fast").set_value(True)
    page.toggle(key="odd_tidy").set_value(False).run()
    expected = "--n=5 --share=0.07 --lr=3e-05 --limit=40 --word=a --pack=y --name=--out=x "
    expected += "--size=0.5 --size=2.0 --kinds=p --kinds=q --fast --no-tidy"
    assert page.code[0].value == expected


@pytest.mark.parametrize("text", ["a b", "-1", ""])
def test_numbers_that_are_not_allowed_are_told_in_words(page, text):
    page.text_input(key="odd_sizes").set_value(text).run()
    assert "expected" in page.error[0].value


def test_an_empty_choice_is_not_taken_for_the_default(page):
    page.multiselect(key="odd_kinds").set_value([]).run()
    assert "at least one" in page.error[0].value


def test_a_bound_that_is_left_out_is_told_in_words(page):
    page.number_input(key="rate").set_value(0.0).run()
    assert "above 0" in page.error[0].value


def test_what_does_not_come_first_is_folded_away():
    page = AppTest.from_function(draw, kwargs={"first": ("word",)}).run()
    assert [e.label for e in page.expander] == ["More options"]
    inside = {element.key for element in page.expander[0].number_input}
    assert inside == {"odd_n", "odd_share", "rate", "odd_limit"}
    assert page.session_state["found"] == Odd()


@pytest.mark.parametrize("options", EVERY)
def test_the_defaults_of_every_command_need_no_flag(options):
    assert flags_of(options, vars(options())) == []
    assert all(record.help for record in records(options))


def test_a_value_that_is_not_allowed_is_refused_as_on_the_command_line():
    with pytest.raises(InputError, match="--fraction"):
        HeadsOptions(fraction=0.0)


def test_shares_are_told_in_percent_and_nothing_else_is():
    named = {r.name for r in records(HeadsOptions) if is_share(r)}
    assert named == {"fraction"}


@pytest.mark.parametrize(
    ("start", "step"), [(1e-4, 1e-5), (1.2, 0.1), (0.95, 0.01), (None, 0.01), (0, 0.01)]
)
def test_a_click_changes_a_number_by_a_tenth_of_its_size_or_its_last_digit(start, step):
    assert step_of(start) == pytest.approx(step)
