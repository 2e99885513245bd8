"""The numbers that figures draw, each by hand."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.figures import histogram, likeliest, quartiles_by_label, rise_of


def test_the_histogram_counts_every_row_once():
    edges, counts = histogram(np.array([0.0, 0.5, 1.0, 1.0]), (0.0, 1.0), 4)
    assert counts.tolist() == [1, 0, 1, 2]
    assert edges[0] == 0
    assert edges[-1] == 1


def test_the_histogram_of_equal_scores_has_a_width():
    edges, counts = histogram(np.array([2.0, 2.0]), (2.0, 2.0), 4)
    assert counts.sum() == 2
    assert edges[-1] > edges[0]


def test_quartiles_by_label_are_those_of_pandas():
    label = np.array([1.0, 1, 1, 2, np.nan])
    score = np.array([0.1, 0.2, 0.3, 0.9, 5.0])
    found = quartiles_by_label(label, score)
    assert found["label"].tolist() == [1, 2]
    assert found["median"].tolist() == [0.2, 0.9]
    assert found["rows"].tolist() == [3, 1]


def test_a_label_of_many_values_is_put_into_bins():
    found = quartiles_by_label(np.arange(1000.0), np.arange(1000.0))
    assert len(found) == 10
    assert found["rows"].sum() == 1000


def test_the_likeliest_tokens_are_so_before_or_after():
    before, after = np.array([0.9, 0.05, 0.04, 0.01, 0.0]), np.array([0.1, 0.2, 0.0, 0.0, 0.7])
    assert likeliest(before, after, 2) == [0, 4]
    assert likeliest(before, after, 5, least=0.1) == [0, 4, 1]
    # Three always stand, however unlikely.
    assert likeliest(before, after, 5, least=0.99) == [0, 4, 1]


def test_the_rise_counts_the_solution_alone():
    before, after = np.array([9.0, 1.0, 2.0, 3.0]), np.array([0.0, 1.0, 2.05, 4.0])
    rise = rise_of(before, after, first=1)
    assert rise.by_token.tolist() == pytest.approx([0.0, 0.05, 1.0])
    assert rise.base == 2
    assert rise.mean == pytest.approx(0.35)
    assert rise.share == pytest.approx(1 / 3)
    assert rise.worst == 2
    assert rise_of(before, after, first=4) is None
