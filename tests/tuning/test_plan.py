"""The order of rows and the learning rate follow from the seed and the step alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.errors import InputError
from workbench.tuning import TuneOptions
from workbench.tuning.plan import learning_rate_factor, row_order


@given(st.integers(1, 20), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_every_round_has_every_row_once(n_rows, n_needed, seed):
    order = row_order(n_rows, n_needed=n_needed, seed=seed)
    assert len(order) == n_needed
    for start in range(0, n_needed, n_rows):
        part = order[start : start + n_rows]
        assert len(set(part)) == len(part)
        assert set(part) <= set(range(n_rows))


def test_a_longer_order_begins_as_the_shorter_one():
    assert row_order(7, n_needed=30, seed=3)[:10] == row_order(7, n_needed=10, seed=3)


def test_rounds_and_seeds_differ():
    order = row_order(20, n_needed=40, seed=0)
    assert order[:20] != order[20:]
    assert order != row_order(20, n_needed=40, seed=1)


def test_the_rate_rises_in_the_warm_up_and_falls_to_its_last_step():
    options = TuneOptions(warmup=0.2, schedule="linear")
    rates = [learning_rate_factor(i, n_steps=10, options=options) for i in range(10)]
    assert rates[:3] == pytest.approx([1 / 3, 2 / 3, 1])
    assert rates[2:] == pytest.approx([1 - i / 8 for i in range(8)])


def test_a_constant_rate_stays_and_a_cosine_is_half_way_down_in_the_middle():
    constant, cosine = TuneOptions(schedule="constant"), TuneOptions(schedule="cosine")
    assert {learning_rate_factor(i, n_steps=9, options=constant) for i in range(9)} == {1.0}
    assert learning_rate_factor(5, n_steps=10, options=cosine) == pytest.approx(0.5)


def test_no_step_of_any_schedule_is_lost():
    for schedule in ("linear", "cosine", "constant"):
        for warmup in (0.0, 0.5, 1.0):
            options = TuneOptions(schedule=schedule, warmup=warmup)
            assert all(learning_rate_factor(i, n_steps=5, options=options) > 0 for i in range(5))


@pytest.mark.parametrize(
    ("options", "n_rows", "n_steps"),
    [
        (TuneOptions(), 80, 30),
        (TuneOptions(epochs=1.0, batch_size=4, accumulate=2), 17, 3),
        (TuneOptions(epochs=0.5), 16, 1),
        (TuneOptions(epochs=0.01), 3, 1),
        (TuneOptions(max_steps=7), 1000, 7),
    ],
)
def test_steps_follow_from_rows_and_epochs(options, n_rows, n_steps):
    assert options.n_steps(n_rows) == n_steps


def test_the_default_rate_is_higher_for_adapters():
    assert TuneOptions().learning_rate == 2e-5
    assert TuneOptions(lora=True).learning_rate == 2e-4
    assert TuneOptions(lora=True, lr=1.0).learning_rate == 1.0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"lr": 0.0}, "lr is 0.0, expected a finite number above 0"),
        ({"lr": float("nan")}, "lr is nan"),
        ({"epochs": -1.0}, "epochs is -1"),
        ({"batch_size": 0}, "batch size is 0"),
        ({"warmup": 1.5}, "warmup is 1.5, expected a finite number from 0 to 1"),
        ({"weight_decay": -0.1}, "weight decay is -0.1"),
        ({"seed": -1}, "seed is -1, expected a whole number from 0 to 4294967295"),
        ({"schedule": "steps"}, "the schedule is 'steps', expected one of linear"),
        ({"epochs": 1.0, "max_steps": 5}, "epochs and max_steps are both given"),
    ],
)
def test_wrong_options_are_refused(arguments, words):
    with pytest.raises(InputError, match=words):
        TuneOptions(**arguments)
