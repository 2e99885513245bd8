"""Scales of colour: order is kept, 0 stays in the middle, and outliers do not take it all."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.head_scores import many_heads, six_heads
from workbench.figures import SCALES, heads_heatmap
from workbench.figures.scales import scale_of

VALUES = np.array([[-0.5, 0.0, 0.001], [0.002, 0.004, 2.0]])


@pytest.mark.parametrize("name", list(SCALES))
def test_more_is_never_less_coloured_and_nothing_is_the_middle(name):
    scale = scale_of(VALUES, name, is_signed=True)
    found = scale.of(VALUES).ravel()
    assert np.array_equal(np.argsort(found, kind="stable"), np.argsort(VALUES.ravel()))
    assert scale.of(np.array([0.0]))[0] == 0 == scale.low + scale.high
    assert scale.of(VALUES)[0, 0] == -scale.of(-VALUES)[0, 0]


def test_an_outlier_leaves_the_others_their_colours():
    shares = {}
    for name in SCALES:
        scale = scale_of(VALUES, name, is_signed=True)
        shares[name] = float(scale.of(np.array([0.004]))[0] / scale.high)
    assert shares["linear"] == pytest.approx(0.002)
    assert shares["log"] > 0.08
    assert shares["rank"] == pytest.approx(3 / 5)


def test_robust_colours_end_at_the_98th_percentile():
    values = np.arange(1.0, 101.0)
    assert scale_of(values, "robust", is_signed=False).high == pytest.approx(98.02)


def test_ticks_stand_where_their_numbers_are_coloured():
    for name in ("log", "rank"):
        scale = scale_of(VALUES, name, is_signed=True)
        numbers = np.array([float(label) for label in scale.labels])
        assert scale.of(numbers) == pytest.approx(np.array(scale.ticks), abs=0.01)
        assert scale.labels[-1] == "2"


@pytest.mark.parametrize("name", list(SCALES))
def test_missing_and_equal_numbers_have_a_scale(name):
    for values in (np.array([np.nan, 0.0]), np.array([np.nan, 0.3])):
        scale = scale_of(values, name, is_signed=False)
        assert scale.low < scale.high
        assert np.isnan(scale.of(values)[0])


def test_cells_show_their_numbers_whatever_they_are_coloured_by():
    cells = heads_heatmap(six_heads(), scale="log").data[0]
    assert cells.text[0][1] == "0.90"
    tiny = heads_heatmap(many_heads(4, 9), scale="log").data[0]
    assert "-0.00" not in str(tiny.text)
    assert cells.texttemplate == "%{text}"
    assert heads_heatmap(many_heads(28, 28), scale="log").data[0].texttemplate is None


def test_maps_of_real_models_are_one_screen_high():
    for shape in ((30, 9), (28, 28)):
        assert heads_heatmap(many_heads(*shape)).layout.height < 680


def test_boxes_at_the_edge_are_seen_whole():
    figure = heads_heatmap(many_heads(28, 28))
    low, high = figure.layout.xaxis.range
    assert low < -0.5 - 2 * 28 / 480
    assert high > 27.5 + 2 * 28 / 480
    assert figure.layout.yaxis.range[0] > 27.5
    assert figure.layout.yaxis.range[1] < -0.5
