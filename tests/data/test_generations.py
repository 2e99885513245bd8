"""Several generations a row: which of them are read, and which count as correct."""

from __future__ import annotations

import pytest

from tests.data.test_tally import write
from workbench.data import read_samples
from workbench.options import ReadOptions
from workbench.types import Sample

GENERATED = {
    "id": "x",
    "problem": "Is 9 prime?",
    "generations": ["No.", "Yes.", "No: 3*3."],
    "correctness_math_verify": [True, False, True],
    "answer": "No",
}


@pytest.mark.parametrize(
    ("generation", "expected"),
    [
        (None, [("x", "No.")]),
        ("first", [("x", "No.")]),
        ("all", [("x#0", "No."), ("x#1", "Yes."), ("x#2", "No: 3*3.")]),
        ("correct", [("x#0", "No."), ("x#2", "No: 3*3.")]),
    ],
)
def test_of_several_generations_those_asked_for_are_rows(tmp_path, generation, expected):
    source = write(tmp_path / "a.jsonl", [GENERATED, {**GENERATED, "id": "y"}])
    found = list(read_samples([source], ReadOptions(generation=generation)))
    assert [(s.row_id, s.completion) for s in found[: len(expected)]] == expected
    assert [s.row_index for s in found] == list(range(2 * len(expected)))


@pytest.mark.parametrize("generation", ["all", "correct"])
def test_a_row_of_one_generation_is_read_back_as_it_was(tmp_path, generation):
    how = ReadOptions(generation=generation)
    (_, *others) = read_samples([write(tmp_path / "a.jsonl", [GENERATED])], how)
    for sample in others:
        (again,) = read_samples([write(tmp_path / "b.jsonl", [dict(sample.row)])], how)
        assert again.completion == sample.completion


def test_a_lone_generation_counts_where_it_is_marked_correct(tmp_path):
    row = {"question": "1?", "generated_solution": "2", "expected_answer": "2"}
    marks = [True, False, "true", None]
    source = write(tmp_path / "a.jsonl", [{**row, "is_correct": mark} for mark in marks])
    found = list(read_samples([source], ReadOptions(generation="correct")))
    assert [isinstance(one, Sample) for one in found] == [True, False, True, False]
    assert "its one generation is not marked correct" in found[1].reason
    assert "no column says whether it is correct" in found[3].reason


def test_without_a_right_generation_or_marks_a_row_is_malformed(tmp_path):
    rows = [
        {**GENERATED, "correctness_math_verify": [False, False, False]},
        {**GENERATED, "correctness_math_verify": None},
    ]
    found = list(
        read_samples([write(tmp_path / "a.jsonl", rows)], ReadOptions(generation="correct"))
    )
    assert "none of 3 generations is marked correct" in found[0].reason
    assert "no column says which generations are correct" in found[1].reason
