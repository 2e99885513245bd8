"""What arms read: steps of equal tokens without a gap, and losses as the engines measure them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.engines import HookedEngine, sample_losses
from workbench.models import load_plain, render
from workbench.selection import Drawn, SharedPool
from workbench.trial import (
    Budget,
    Stream,
    arms_of,
    held_out,
    losses_of,
    n_steps_of,
    network_of,
)
from workbench.tuning import Example


def stream_of(lengths):
    def example(n):
        return Example("row", (0,) * n, np.ones(n, dtype=bool), np.ones(n))

    return Stream(("row",) * len(lengths), tuple(map(example, lengths)), 1, sum(lengths))


@given(lengths=st.lists(st.integers(1, 60), min_size=1, max_size=80), rows=st.integers(1, 12))
def test_steps_hold_every_row_once_in_order_and_none_is_empty(lengths, rows):
    stream = stream_of(lengths)
    # As a stream is cut: its last row begins within the budget.
    budget = Budget(sum(lengths[:-1]) + 1, sum(lengths))
    if max(lengths) > budget.tokens:
        return
    n_steps = n_steps_of([stream], budget, rows_per_step=rows)
    batches = stream.batches(budget.tokens, n_steps=n_steps)
    assert [place for batch in batches for place in batch] == list(range(len(lengths)))
    assert all(batches)
    part = budget.tokens / n_steps
    for batch in batches:
        assert sum(lengths[i] for i in batch) < part + 2 * max(lengths)


def test_losses_are_those_that_the_engines_measure(checkpoint, tiny_model, samples):
    network = network_of(*load_plain(str(checkpoint("llama"))))
    evaluation = held_out(network, samples, n_answers=2)
    rendered = [render(sample, tiny_model.tokenizer) for sample in samples]
    expected = sample_losses(
        HookedEngine(tiny_model), rendered, batches=[[i] for i in range(len(rendered))]
    )
    assert losses_of(network, evaluation.rendered) == pytest.approx(expected, abs=1e-5)
    assert len(evaluation.answers(network)) == len(evaluation.problems)


def test_a_selection_called_like_a_control_is_another_arm():
    rows = pd.DataFrame({"row_id": ["a"]})
    pool = SharedPool(pd.DataFrame({"row_id": ["a", "b"]}), whole=True)
    names = ["random", "whole pool", "untuned", "top", "top"]
    arms = arms_of([Drawn(name, rows, pool.table, {}) for name in names], pool)
    assert len({arm.name for arm in arms}) == len(arms)
    selections = [arm.name for arm in arms if arm.kind == "selection"]
    assert selections == ["random #2", "whole pool #2", "untuned #2", "top", "top #2"]
