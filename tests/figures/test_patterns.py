"""A pattern seen another way, and one token followed through it."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.figures import pattern_heatmap, weighted, without_first

PATTERN = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.8, 0.05, 0.15]])


def test_without_the_first_token_the_rest_is_shared_out():
    rows = [[0, 0, 0], [0, 1, 0], [0, 0.25, 0.75]]
    assert without_first(PATTERN) == pytest.approx(np.array(rows))


def test_weights_are_the_sizes_of_what_is_read():
    rows = [[1, 0, 0], [0.1 / 1.1, 1 / 1.1, 0], [0.16 / 0.29, 0.1 / 0.29, 0.03 / 0.29]]
    assert weighted(PATTERN, np.array([0.2, 2.0, 0.2])) == pytest.approx(np.array(rows))


def test_by_logarithm_colours_reach_a_thousandth_and_hovering_tells_the_share():
    cells = pattern_heatmap(PATTERN, ["a", "b", "c"], title="t", is_log=True).data[0]
    assert cells.zmax - cells.zmin == pytest.approx(3)
    assert cells.z[2][1] == pytest.approx(np.log10(0.05))
    assert cells.customdata[2][1] == 0.05
    assert np.isnan(cells.z[0][1])


def test_a_followed_token_has_its_row_and_column_framed():
    figure = pattern_heatmap(PATTERN, ["a", "b", "c"], title="t", looked_at=1)
    row, column = figure.layout.shapes
    assert (row.y0, row.y1, column.x0, column.x1) == (0.5, 1.5, 0.5, 1.5)
    diagonal = figure.data[1]
    assert list(diagonal.x) == list(diagonal.y) == list(diagonal.customdata) == [0, 1, 2]
