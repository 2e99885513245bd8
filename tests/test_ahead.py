"""One item ahead: made in a thread, in order, and what goes wrong is said at its place."""

from __future__ import annotations

import threading
import time

import pytest

from workbench.ahead import ahead


def test_the_next_item_is_made_while_one_is_worked_on():
    made = [threading.Event() for _ in range(3)]

    def items():
        for number, event in enumerate(made):
            event.set()
            yield number

    taken = ahead(items())
    assert not made[0].is_set()
    assert next(taken) == 0
    assert made[1].wait(5)
    assert not made[2].is_set()
    assert list(taken) == [1, 2]


def test_work_and_making_overlap():
    def items():
        for number in range(5):
            time.sleep(0.1)
            yield number

    began = time.perf_counter()
    for _ in ahead(items()):
        time.sleep(0.1)
    assert time.perf_counter() - began < 0.9


def test_an_error_comes_after_the_items_before_it():
    def items():
        yield 1
        raise ValueError("the second")

    taken = ahead(items())
    assert next(taken) == 1
    with pytest.raises(ValueError, match="the second"):
        next(taken)


def test_nothing_is_left_running_when_the_rest_is_not_wanted():
    taken = ahead(iter(range(10)))
    next(taken)
    taken.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("ahead")]
