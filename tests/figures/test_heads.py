"""Maps and curves of heads: every number at its head, the circuit told from the rest."""

from __future__ import annotations

import dataclasses

import numpy as np
import plotly.graph_objects as go
import pytest

from tests.support.head_scores import DELTAS, six_heads
from workbench.figures import (
    elbow,
    head_name,
    heads_difference,
    heads_heatmap,
    is_cut,
    layers_of,
    sample_deltas,
)
from workbench.figures.margins import add_means
from workbench.figures.scales import scale_of
from workbench.types import Head, HeadScores


@pytest.fixture
def heads() -> HeadScores:
    return six_heads()


def test_the_map_holds_every_delta_at_its_layer_and_head(heads):
    z = heads_heatmap(heads).data[0].z
    assert {(i, j): z[i][j] for i in range(3) for j in range(2)} == DELTAS


def test_the_colours_of_the_map_are_centred_on_no_effect(heads):
    trace = heads_heatmap(heads).data[0]
    assert (trace.zmin, trace.zmax) == (-0.9, 0.9)


def test_a_click_on_a_square_tells_its_head(heads):
    squares = heads_heatmap(heads).data[1]
    for x, y, (layer, head) in zip(squares.x, squares.y, squares.customdata, strict=True):
        assert (layer, head) == (y, x)
    assert squares.marker.opacity == 0


def test_hovering_tells_delta_interval_rank_and_stability(heads):
    squares = heads_heatmap(heads).data[1]
    text = squares.text[list(map(tuple, squares.customdata)).index((0, 1))]
    for part in ("L0H1", "in the circuit", "0.9000", "0.8500 to 1.0000", "rank 1", "75%"):
        assert part in text


def test_heads_that_were_never_run_stand_apart_from_those_that_were(heads):
    """The largest number is a gradient's guess: not on the map, hollow on the curve."""
    bases = {(0, 1): "gradient", (1, 1): "probe", (2, 1): "probe"}
    raced = dataclasses.replace(
        heads,
        heads=tuple(
            dataclasses.replace(
                h,
                basis=bases.get((h.layer, h.head), "sample"),
                n_samples=8,
                selected=bases.get((h.layer, h.head)) == "probe",
            )
            for h in heads.heads
        ),
    )
    figure = heads_heatmap(raced)
    assert np.isnan(figure.data[0].z[0, 1])
    assert figure.data[0].zmax == 0.5
    assert "never run: a gradient's estimate" in figure.data[1].text[1]
    for pair in ((heads, raced), (raced, heads)):
        assert np.isnan(heads_difference(*pair).data[0].z[0, 1])
        assert np.isnan(heads_difference(*pair).data[0].z).sum() == 1
    curve = {trace.name: trace for trace in elbow(raced).data}
    assert list(curve["estimated by gradients"].y) == [0.9]
    assert curve["estimated by gradients"].marker.symbol == "circle-open"
    assert sum(len(trace.y) for trace in curve.values()) == 6
    assert [trace.name for trace in elbow(heads).data] == ["circuit", "other heads"]


def test_just_the_circuit_is_boxed(heads):
    shapes = heads_heatmap(heads).layout.shapes
    boxed = {(round((s.y0 + s.y1) / 2), round((s.x0 + s.x1) / 2)) for s in shapes}
    assert boxed == {(0, 1), (1, 1)}


def test_the_chosen_head_is_marked_beside_the_circuit(heads):
    without = len(heads_heatmap(heads).layout.shapes)
    assert len(heads_heatmap(heads, chosen=Head(2, 0)).layout.shapes) > without


def test_the_elbow_is_cut_between_the_circuit_and_the_rest(heads):
    figure = elbow(heads)
    circuit, others = figure.data
    assert (circuit.name, list(circuit.y)) == ("circuit", [0.9, 0.5])
    assert circuit.zorder > others.zorder, "not hidden under its neighbours"
    assert list(others.y) == [0.3, 0.1, 0.0, -0.2]
    assert 2.5 in {shape.x0 for shape in figure.layout.shapes}


def test_a_circuit_that_is_chosen_past_others_has_no_cut(heads):
    chosen = tuple(dataclasses.replace(h, selected=h.rank in (1, 3)) for h in heads.heads)
    picked = dataclasses.replace(heads, heads=chosen)
    assert is_cut(heads)
    assert not is_cut(picked)
    figure = elbow(picked)
    assert 2.5 not in {shape.x0 for shape in figure.layout.shapes}
    assert "curve breaks" not in figure.layout.title.text


def test_of_few_samples_each_is_counted_whole():
    few, many = (sample_deltas(np.linspace(0, 1, n), Head(0, 1)) for n in (8, 100))
    assert few.layout.yaxis.dtick == 1
    assert many.layout.yaxis.dtick is None


def test_the_elbow_draws_the_whole_interval(heads):
    circuit = elbow(heads).data[0]
    assert circuit.error_y.array == pytest.approx([0.1, 0.1])
    assert circuit.error_y.arrayminus == pytest.approx([0.05, 0.05])


def test_a_head_that_left_the_circuit_keeps_a_dashed_box(heads):
    shapes = heads_heatmap(heads, before=[Head(0, 1), Head(2, 1)]).layout.shapes
    dashed = [s for s in shapes if s.line.dash == "dash"]
    assert [(s.y0 + s.y1, s.x0 + s.x1) for s in dashed] == [(4, 2)]


def test_marked_heads_have_a_cross_that_can_be_clicked_too(heads):
    cross = heads_heatmap(heads, marked=[Head(2, 1)]).data[2]
    assert (list(cross.x), list(cross.y)) == ([1], [2])
    assert [list(place) for place in cross.customdata] == [[2, 1]]


def test_a_map_can_show_another_number(heads):
    figure = heads_heatmap(heads, layer="stability")
    assert np.all(np.array(figure.data[0].z) == 0.75)
    assert figure.data[0].zmin == 0
    assert layers_of(heads) == ["delta", "stability"]


def _rows(scored):
    places = {(h.layer, h.head): h for h in scored}
    return [[places[layer, head] for head in range(2)] for layer in range(3)]


def test_maps_of_a_control_are_titled_by_its_name(heads):
    scored = tuple(
        dataclasses.replace(h, control_delta=2 * h.delta, contrast=-h.delta) for h in heads.heads
    )
    control = {"data": ["text", "/home/someone/<b>own.jsonl"]}
    found = dataclasses.replace(heads, heads=scored, control=control)
    assert layers_of(found) == ["delta", "contrast", "control_delta", "stability"]
    for layer in ("control_delta", "contrast"):
        figure = heads_heatmap(found, layer=layer)
        title = figure.layout.title.text
        assert title.endswith(" text, &lt;b&gt;own.jsonl")
        assert "<b>" not in title
        expected = [[getattr(h, layer) for h in row] for row in _rows(scored)]
        np.testing.assert_allclose(np.array(figure.data[0].z), expected)


def test_the_difference_of_a_run_and_itself_is_nothing(heads):
    assert np.all(np.array(heads_difference(heads, heads).data[0].z) == 0)
    assert np.all(np.array(heads_difference(heads, heads, scale="log").data[0].z) == 0)


def test_runs_with_different_measures_are_compared_by_rank(heads):
    other = dataclasses.replace(heads, method="retrieval")
    figure = heads_difference(heads, other)
    assert "Places" in figure.layout.title.text


def test_a_head_is_named_by_layer_and_number():
    assert head_name(3, 5) == "L3H5"


def test_a_layer_without_a_value_has_no_mean():
    """Plotly would draw it black, as if it were the most extreme."""
    figure = go.Figure()
    values = np.array([[1.0, 3.0], [np.nan, np.nan]])
    scale = scale_of(values, "linear", is_signed=False)
    figure.update_xaxes(range=[-0.5, 1.5], dtick=1)
    add_means(figure, values, scale, colorscale="Reds", width=100)
    (means,) = figure.data
    assert list(means.marker.color) == [2.0, 1.0, 3.0]
    assert "layer 1" not in str(means.text)


def test_the_margins_are_means_of_layers_and_of_heads(heads):
    (means,) = [t for t in heads_heatmap(heads).data if t.name == "means"]
    texts = [text.partition(": ")[::2] for text in means.text]
    expected = {f"mean of layer {i}": np.mean([DELTAS[i, 0], DELTAS[i, 1]]) for i in range(3)}
    for head in range(2):
        name = f"mean of head {head} of all layers"
        expected[name] = np.mean([DELTAS[i, head] for i in range(3)])
    assert {name: float(value) for name, value in texts} == pytest.approx(expected, abs=1e-4)
    assert (min(means.x), max(means.x) > 1, max(means.y) > 2) == (0, True, True)
    assert all(trace.name != "means" for trace in heads_heatmap(heads, is_small=True).data)


def test_a_map_can_show_what_kind_of_head_each_is(heads):
    scores = np.array([[0.1, 0.9], [0.2, 0.3], [0.0, 1.0]])
    figure = heads_heatmap(heads, kind=("induction", scores))
    assert (np.array(figure.data[0].z) == scores).all()
    assert (figure.data[0].zmin, figure.data[0].zmax) == (0, 1)
    assert figure.layout.title.text == "Attention on what came next last time"
