"""Diagnostics on cases worked out by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.selection.diagnostics import (
    describe,
    effective_sample_size,
    mix,
    spread_of,
    top_overlap,
)


def test_effective_sample_size_of_equal_and_of_one_sided_weights():
    assert effective_sample_size(np.full(8, 0.3)) == pytest.approx(8.0)
    assert effective_sample_size(np.array([1.0, 0.0, 0.0])) == 1.0
    # (1 + 3)^2 / (1 + 9)
    assert effective_sample_size(np.array([1.0, 3.0])) == pytest.approx(1.6)


def test_the_mix_counts_each_name_before_and_after():
    assert mix(["b", "a", "b", "c"], np.array([0, 1])) == [
        {"name": "a", "n_before": 1, "share_before": 0.25, "n_after": 1, "share_after": 0.5},
        {"name": "b", "n_before": 2, "share_before": 0.5, "n_after": 1, "share_after": 0.5},
        {"name": "c", "n_before": 1, "share_before": 0.25, "n_after": 0, "share_after": 0.0},
    ]


def test_overlap_with_the_top_rows():
    values = np.array([4.0, 3.0, 2.0, 1.0])
    # {0, 3} and the top {0, 1} share one row of three
    assert top_overlap(values, np.array([0, 3])) == pytest.approx(
        {"share": 0.5, "jaccard": 1 / 3, "share_if_random": 0.5, "jaccard_if_random": 1 / 3}
    )
    assert top_overlap(values, np.array([1, 0]))["jaccard"] == 1.0
    assert top_overlap(values, np.array([2, 3]))["share"] == 0.0


@given(st.lists(st.integers(0, 4), min_size=1), st.data())
def test_of_equal_values_the_first_rows_are_at_the_top(values, data):
    scores = np.array(values, dtype=np.float64)
    n_rows = data.draw(st.integers(1, len(values)))
    rows = np.array(data.draw(st.permutations(range(len(values)))))[:n_rows]
    top = np.argsort(-scores, kind="stable")[:n_rows]
    assert top_overlap(scores, rows)["share"] == len(set(top) & set(rows)) / n_rows


def test_the_spread_holds_mean_and_quantiles():
    spread = spread_of(np.arange(101, dtype=np.float64))
    assert spread["mean"] == 50.0
    assert [spread[name] for name in ("q00", "q05", "q50", "q100")] == [0.0, 5.0, 50.0, 100.0]


def test_before_is_the_pool_and_after_the_selection():
    table = pd.DataFrame(
        {
            "source": ["x", "y", "y"],
            "group": ["g", "g", "h"],
            "n_tokens": [10, 20, 60],
            "score": [1.0, 2.0, 6.0],
            "value": [1.0, 2.0, 6.0],
        }
    )
    report = describe(table, np.array([2]), np.full(3, 1 / 3), statuses={"failed": 1, "ok": 1})
    assert report["tokens"] == {"before": 90, "after": 60}
    assert report["score"]["before"]["mean"] == 3.0
    assert report["score"]["after"]["mean"] == 6.0
    assert report["length"]["after"]["q50"] == 60.0
    assert report["status_counts"] == {"failed": 1, "ok": 1}
    assert report["groups"][1]["share_after"] == 1.0
    assert (report["n_pool"], report["n_selected"]) == (3, 1)
