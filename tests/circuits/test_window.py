"""Only a window of each solution counts, and what no loss needs is not run."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.ablation import iter_importance
from workbench.circuits import counted_window
from workbench.engines import HookedEngine
from workbench.errors import InputError
from workbench.models import render
from workbench.stages import HeadsOptions
from workbench.types import Head


@pytest.fixture(scope="module")
def rows(tiny_model, samples):
    return [render(s, tiny_model.tokenizer) for s in samples if len(s.completion) > 6]


def places(row):
    return np.flatnonzero(row.counted("completion")).tolist()


@pytest.mark.parametrize("n", [1, 4, 1000])
def test_the_first_and_the_last_tokens_of_a_solution(n, rows):
    for row, first, last in zip(
        rows, counted_window(rows, f"first:{n}"), counted_window(rows, f"last:{n}"), strict=True
    ):
        assert places(first) == places(row)[:n]
        assert places(last) == places(row)[-n:]
        for cut in (first, last):
            assert len(cut.ids) == places(cut)[-1] + 1 == len(cut.parts)
            assert cut.ids == row.ids[: len(cut.ids)]
    assert counted_window(rows, "all") == list(rows)


@pytest.mark.parametrize("count", ["first:3", "last:3"])
def test_importance_is_that_of_the_tokens_that_count(count, rows, tiny_model):
    """Against the losses of whole rows, token by token."""
    from workbench.engines import batch_of

    engine, head = HookedEngine(tiny_model), Head(1, 1)
    windows = counted_window(rows, count)
    (found,) = iter_importance(engine, windows, batches=[range(len(rows))], heads=[head])
    for i, row in enumerate(rows):
        ids, counted = batch_of(tiny_model, [row], "completion")
        (_, base), (_, weak) = engine.set_outcomes(ids, counted, [(), [head]])
        chosen = places(row)[:3] if count == "first:3" else places(row)[-3:]
        rise = (weak.losses - base.losses)[0, chosen].double().mean()
        assert found.deltas[i, 1, 1] == pytest.approx(float(rise), abs=1e-5)


@pytest.mark.parametrize("count", ["first", "first:0", "middle:3", "last:x", "all:3", ""])
def test_other_windows_are_refused(count):
    with pytest.raises(InputError, match="--count is"):
        HeadsOptions(count=count)
