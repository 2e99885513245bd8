"""Maps of many heads stay legible, and a click opens the head that was clicked."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.support.head_scores import many_heads
from workbench.figures import heads_heatmap, mask_maps
from workbench.figures.heads import CELLS_WIDTH

SHAPES = [(1, 1), (4, 8), (12, 12), (30, 9), (28, 28), (80, 64)]
shapes = pytest.mark.parametrize(("n_layers", "n_heads"), SHAPES)


def cell_of(figure, n_layers: int, n_heads: int) -> tuple[float, float]:
    """Width and height of a cell in pixels, in a plot of usual width."""
    layout = figure.layout
    return CELLS_WIDTH / n_heads, (layout.height - layout.margin.t - layout.margin.b) / n_layers


@shapes
def test_every_cell_has_a_click_marker_of_its_own(n_layers, n_heads):
    marks = heads_heatmap(many_heads(n_layers, n_heads)).data[1]
    cells = [(layer, head) for layer in range(n_layers) for head in range(n_heads)]
    assert [tuple(place) for place in marks.customdata] == cells
    assert list(zip(marks.y, marks.x, strict=True)) == cells


@shapes
def test_click_markers_do_not_overlap(n_layers, n_heads):
    figure = heads_heatmap(many_heads(n_layers, n_heads))
    assert figure.data[1].marker.size <= min(cell_of(figure, n_layers, n_heads))


def test_of_a_click_anywhere_in_a_cell_its_own_marker_is_the_nearest():
    figure = heads_heatmap(many_heads(28, 28))
    assert figure.layout.hoverdistance == -1
    size = np.array(cell_of(figure, 28, 28))
    centres = np.stack([figure.data[1].x, figure.data[1].y], axis=1)
    rng = np.random.default_rng(0)
    for place in rng.integers(len(centres), size=50):
        click = centres[place] + rng.uniform(-0.49, 0.49, 2)
        assert np.argmin(np.linalg.norm((centres - click) * size, axis=1)) == place


@shapes
def test_labels_of_a_map_do_not_touch(n_layers, n_heads):
    figure = heads_heatmap(many_heads(n_layers, n_heads))
    width, height = cell_of(figure, n_layers, n_heads)
    assert height >= 18
    assert width * figure.layout.xaxis.dtick >= 20
    numbers = figure.data[0].texttemplate
    assert (numbers is None) == (width < 35)


def test_small_numbers_need_more_room():
    heads = many_heads(4, 9)
    tiny = dataclasses.replace(
        heads, heads=tuple(dataclasses.replace(h, delta=h.delta / 1e4) for h in heads.heads)
    )
    assert heads_heatmap(heads).data[0].texttemplate == "%{z:.2f}"
    assert heads_heatmap(tiny).data[0].texttemplate is None


def test_a_number_that_some_heads_lack_leaves_their_cells_empty():
    heads = many_heads(2, 2)
    first, *rest = heads.heads
    some = dataclasses.replace(heads, heads=(dataclasses.replace(first, contrast=0.5), *rest))
    z = np.array(heads_heatmap(some, layer="contrast").data[0].z)
    assert z[0, 0] == 0.5
    assert np.isnan(z).sum() == 3


def test_maps_of_thirty_layers_fit_two_screens():
    shape = {"n_layers": 30, "n_heads": 9, "n_key_value_heads": 3, "d_head": 64, "d_mlp": 128}
    values = {
        kind: np.zeros((30, n)).tolist()
        for kind, n in (("query", 9), ("key", 3), ("value", 3), ("neuron", 128))
    }
    counts = dict.fromkeys(values, 0)
    mask = {"shape": shape, "values": values, "counts": counts, "n_kept": 0, "share": 0.0}
    assert mask_maps(mask).layout.height < 1500
    assert heads_heatmap(many_heads(30, 9)).layout.height < 800
