"""The name of a run is its question."""

from __future__ import annotations

import dataclasses
import re

import pytest

from workbench.runs import RunSpec

SPEC = RunSpec("score-circuitseer", {"variant": "cv2", "seed": 0}, {"data": "d1", "heads": "h1"})


def test_a_name_is_the_stage_and_eight_hex_digits():
    assert re.fullmatch(r"score-circuitseer-[0-9a-f]{8}", SPEC.name)


def test_the_same_question_has_the_same_name():
    again = RunSpec(SPEC.stage, {"seed": 0, "variant": "cv2"}, {"heads": "h1", "data": "d1"})
    assert again.name == SPEC.name


@pytest.mark.parametrize(
    "change",
    [
        {"stage": "score-air"},
        {"config": {"variant": "cv2", "seed": 1}},
        {"config": {"variant": "cv2"}},
        {"inputs": {"data": "d2", "heads": "h1"}},
    ],
)
def test_another_question_has_another_name(change):
    other = dataclasses.replace(SPEC, **change)
    assert other.name[-8:] != SPEC.name[-8:]


def test_what_is_only_recorded_does_not_change_the_name():
    recorded = dataclasses.replace(SPEC, parents=("heads-exact-00000000",), details={"device": "x"})
    assert recorded.name == SPEC.name


def test_a_model_whose_weights_are_not_an_input_is_refused():
    model = {"id": "tiny", "weights_sha256": "abc123"}
    with pytest.raises(ValueError, match="weights_sha256 is missing from inputs"):
        dataclasses.replace(SPEC, model=model)
    assert dataclasses.replace(SPEC, model=model, inputs={"model": "abc123"}).model == model


@pytest.mark.parametrize("stage", ["", "Score", "a/b", "../x", "a--b", "a b"])
def test_a_stage_that_is_no_folder_label_is_refused(stage):
    with pytest.raises(ValueError, match="lower-case words"):
        RunSpec(stage, {}, {})
