"""Step weights become token weights, and files that cannot be right are refused in words."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tuning.exports import ROWS, steps_of, steps_of_all, write_steps
from workbench.errors import InputError
from workbench.scoring.weights import WEIGHTS
from workbench.tuning import RULES, Steps, StepWeights, read_steps, token_weights

LONG = ROWS[1]


def steps(*spans_and_weights: tuple[int, int, float]) -> Steps:
    table = np.array(spans_and_weights, dtype=np.float64)
    return Steps(table[:, :2].astype(np.int64), table[:, 2])


def spans(*pairs: tuple[int, int]) -> np.ndarray:
    return np.array(pairs, dtype=np.int64)


def test_a_token_weighs_what_the_step_weighs_that_holds_its_first_character():
    # Three tokens in the first step (the third crosses the border), one in the second.
    chars = spans((0, 2), (2, 4), (4, 7), (7, 9))
    weights = token_weights(chars, steps((0, 6, 1.0), (6, 9, 3.0)))
    # (1 + 1 + 1 + 3) / 4 = 1.5
    assert weights.tolist() == pytest.approx([1 / 1.5, 1 / 1.5, 1 / 1.5, 3 / 1.5])


def test_equal_weights_are_exactly_one():
    chars = spans((0, 2), (2, 4), (4, 7))
    assert token_weights(chars, steps((0, 3, 7.0), (3, 7, 7.0))).tolist() == [1.0, 1.0, 1.0]


def test_a_token_that_no_step_holds_goes_with_the_step_before_it():
    chars = spans((0, 1), (1, 4), (4, 5), (5, 8), (8, 9))
    weights = token_weights(chars, steps((1, 4, 1.0), (5, 8, 4.0)))
    assert (weights / weights[0]).tolist() == pytest.approx([1, 1, 1, 4, 4])


def test_weight_on_steps_without_tokens_leaves_all_tokens_alike():
    weights = token_weights(spans((0, 5), (5, 9)), steps((0, 2, 0.0), (2, 4, 1.0), (4, 9, 0.0)))
    assert weights.tolist() == [1.0, 1.0]


@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=30),
    weights=st.lists(st.floats(0.01, 100), min_size=1, max_size=6),
)
def test_the_mean_token_weight_of_a_row_is_one(lengths, weights):
    ends = np.cumsum(lengths)
    chars = np.stack([ends - lengths, ends], axis=1)
    borders = np.linspace(0, int(ends[-1]) + len(weights), len(weights) + 1).astype(int)
    table = steps(*zip(borders[:-1], borders[1:], weights, strict=True))
    assert token_weights(chars, table).mean() == pytest.approx(1)


def test_the_file_is_read_in_the_order_of_the_steps(tmp_path):
    rows = steps_of(LONG, (1.0, 3.0))
    path = write_steps(tmp_path / "steps.parquet", [*reversed(rows), *steps_of(ROWS[0], (1.0,))])
    found = read_steps(path, StepWeights())
    assert set(found) == {"sum-0", "sum-1"}
    assert found["sum-1"].weights.tolist() == [1.0, 3.0]
    assert found["sum-1"].spans.tolist() == [[0, 16], [16, 29]]


def test_rules_work_out_the_weights_from_the_scores(tmp_path):
    rows = steps_of(LONG, (1.0, 1.0), scores=(0.0, math.log(3)))
    path = write_steps(tmp_path / "steps.parquet", rows)
    first, second = read_steps(path, StepWeights("softmax"))["sum-1"].weights
    assert second / first == pytest.approx(3)
    # 16 tokens of the first weight, 13 of the second.
    assert 16 * first + 13 * second == pytest.approx(29)
    first, second = read_steps(path, StepWeights("softmax", temperature=0.5))["sum-1"].weights
    assert second / first == pytest.approx(9)
    first, second = read_steps(path, StepWeights("top-fraction", top=0.5))["sum-1"].weights
    assert second / first == pytest.approx(2)


def test_every_rule_of_the_scores_is_offered():
    assert set(RULES) == {"file", *WEIGHTS}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weight": None}, "row 'sum-1' has a step without a weight"),
        ({"weight": math.nan}, "row 'sum-1' has a step without a weight"),
        ({"weight": -1.0}, "the step weights of row 'sum-1' are 1, -1"),
        ({"start_char": 3}, "overlap or are out of order"),
        ({"end_char": 16}, "has a step without characters"),
    ],
)
def test_a_value_that_cannot_be_right_is_refused(change, words, tmp_path):
    rows = steps_of_all()
    second = next(row for row in rows if row["row_id"] == "sum-1" and row["step"] == 1)
    second.update(change)
    with pytest.raises(InputError, match=words):
        read_steps(write_steps(tmp_path / "steps.parquet", rows), StepWeights())


def test_weights_that_are_all_zero_are_refused(tmp_path):
    path = write_steps(tmp_path / "steps.parquet", steps_of(LONG, (0.0, 0.0)))
    with pytest.raises(InputError, match="'sum-1' are 0, 0, expected numbers from 0 on, one of"):
        read_steps(path, StepWeights())


def test_a_file_that_is_no_steps_file_is_refused(tmp_path):
    (tmp_path / "steps.parquet").write_text("nonsense")
    with pytest.raises(InputError, match=r"cannot be read as Parquet.* score --method air"):
        read_steps(tmp_path / "steps.parquet", StepWeights())
    path = write_steps(tmp_path / "scores.parquet", [{"row_id": "a", "score": 1.0}])
    with pytest.raises(InputError, match="no column step, start_char, end_char, n_tokens, weight"):
        read_steps(path, StepWeights())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"rule": "luck"}, "the rule is 'luck', expected one of file, top-fraction"),
        ({"temperature": 0.0}, "temperature is 0"),
        ({"temperature": math.inf}, "temperature is inf"),
        ({"top": 1.5}, "top is 1.5"),
    ],
)
def test_wrong_settings_are_refused(arguments, words):
    with pytest.raises(InputError, match=words):
        StepWeights(**arguments)
