"""The options of every stage: defaults that are allowed, and words that the packages know."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

import workbench.options as package
from workbench.errors import InputError
from workbench.options import (
    HeadsOptions,
    RetrievalOptions,
    SelectOptions,
    TuneOptions,
    UpdateOptions,
    records,
)

CLASSES: list[Any] = [
    getattr(package, name) for name in package.__all__ if name.endswith(("Options", "Weights"))
]


@pytest.mark.parametrize("options", CLASSES, ids=lambda options: options.__name__)
def test_every_option_has_a_default_that_is_allowed_and_a_sentence_of_help(options):
    options()
    for record in records(options):
        assert record.flag.startswith("--")
        assert record.help.endswith(".")
        assert record.kind in (bool, int, float, str)


@pytest.mark.parametrize("options", CLASSES, ids=lambda options: options.__name__)
def test_a_value_beside_the_bounds_or_the_choices_is_refused(options):
    for record in records(options):
        wrong: list[Any] = ["nonsense"] if record.choices else []
        wrong += [] if record.low is None else [record.kind(record.low - 1)]
        wrong += [] if record.high is None else [record.kind(record.high + 1)]
        wrong += [float("nan")] if record.kind is float else []
        for value in wrong:
            with pytest.raises(InputError, match=f"pass another {record.flag}"):
                options(**{record.name: (value,) if record.many else value})


def test_fields_that_are_not_for_people_are_few():
    hidden = {
        (options.__name__, field.name)
        for options in CLASSES
        for field in dataclasses.fields(options)
        if field.name not in {record.name for record in records(options)}
    }
    assert hidden == {
        ("RaceOptions", "batch_tokens"),
        ("SelectOptions", "keep"),
        ("SelectOptions", "drop"),
        ("ReadOptions", "whose"),
    }


def test_options_that_cannot_be_had_together():
    with pytest.raises(InputError, match="epochs and max_steps are both given"):
        TuneOptions(epochs=1.0, max_steps=1)
    with pytest.raises(InputError, match="no step size is given"):
        UpdateOptions(lrs=())


def test_the_words_and_numbers_are_those_of_the_packages_that_are_slow_to_import():
    from workbench.amplification import BATCH_TOKENS
    from workbench.data import FORMATS, KEY_LENGTH, N_SHOTS
    from workbench.options.amplify import BATCH_TOKENS as OFFERED_TOKENS
    from workbench.options.heads import RANKS
    from workbench.options.loading import DTYPES, QUANTIZE
    from workbench.options.probe import STRATEGIES
    from workbench.options.select import ADJUSTED, COMBINED, FORMS
    from workbench.options.select import FORMATS as OFFERED_FORMATS
    from workbench.options.tune import RULES

    assert OFFERED_TOKENS == BATCH_TOKENS
    assert (RetrievalOptions.key_length, RetrievalOptions.n_shots) == (KEY_LENGTH, N_SHOTS)
    assert OFFERED_FORMATS == FORMATS
    from workbench import probe, scoring, selection
    from workbench.circuits import RANKINGS
    from workbench.models import placement

    assert STRATEGIES == probe.STRATEGIES
    assert set(RULES) == {"file", *scoring.WEIGHTS}
    assert set(ADJUSTED) == set(selection.ADJUSTED)
    assert set(FORMS) == set(selection.FORMS)
    assert set(COMBINED) == set(selection.COMBINATIONS)
    (policy,) = records(SelectOptions, "policy")
    assert set(policy.choices) == set(selection.POLICIES)
    assert set(RANKS) == set(RANKINGS)
    assert HeadsOptions.rank in RANKS
    assert set(DTYPES) == set(placement.DTYPES)
    assert QUANTIZE == placement.QUANTIZE
