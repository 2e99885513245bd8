"""Figures hold the numbers they were given, and no text of a dataset becomes markup."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pandas as pd
import pytest

from tests.test_figures_validation import report
from workbench.figures import (
    binned_histogram,
    elbow,
    head_name,
    heads_difference,
    heads_heatmap,
    layers_of,
    mix_before_after,
    next_token_bars,
    overview_strip,
    pattern_heatmap,
    random_draws,
    sample_deltas,
    score_against_label,
    score_against_length,
    score_histogram,
    selected_against_pool,
    token_bars,
    token_strip,
)
from workbench.types import Head, HeadScore, HeadScores, ModelInfo

DELTAS = {(0, 0): 0.1, (0, 1): 0.9, (1, 0): -0.2, (1, 1): 0.5, (2, 0): 0.0, (2, 1): 0.3}


@pytest.fixture
def heads() -> HeadScores:
    order = sorted(DELTAS, key=lambda place: -DELTAS[place])
    rows = tuple(
        HeadScore(
            layer=layer,
            head=head,
            delta=delta,
            ci_low=delta - 0.05,
            ci_high=delta + 0.1,
            rank=order.index((layer, head)) + 1,
            selected=order.index((layer, head)) < 2,
            stability=0.75,
        )
        for (layer, head), delta in DELTAS.items()
    )
    return HeadScores(ModelInfo("m", None, "", 3, 2), "exact", {}, 1.0, 8, rows)


@pytest.fixture
def scores() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "row_id": list("abcd"),
            "row_index": range(4),
            "n_tokens": [5, 6, 7, 8],
            "score": [0.1, 0.4, 0.2, 0.3],
        }
    )


def all_figures(heads, scores) -> dict:
    weights = np.array([0.6, 0.4])
    return {
        "map": heads_heatmap(heads),
        "elbow": elbow(heads),
        "samples": sample_deltas(np.array([0.1, 0.2]), Head(0, 1)),
        "bars": token_bars(["a", "b"], weights, title="By token", unit="share"),
        "pattern": pattern_heatmap(np.tril(np.full((2, 2), 0.5)), ["a", "b"], title="Pattern"),
        "histogram": score_histogram(np.array([0.1, 0.2]), name="excess"),
        "length": score_against_length(scores, name="excess"),
        "selected": selected_against_pool(np.array([0.1, 0.2]), np.array([0.1]), name="Score"),
        "draws": random_draws(report(), "loss"),
    }


def test_every_figure_has_a_title_and_names_both_axes(heads, scores):
    for name, figure in all_figures(heads, scores).items():
        layout = figure.layout
        named = (layout.title.text, layout.xaxis.title.text, layout.yaxis.title.text)
        assert all(named), f"{name}: {named}"


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
    for part in ("L0 H1", "in the circuit", "0.9000", "0.8500 to 1.0000", "rank 1", "75%"):
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
    assert list(others.y) == [0.3, 0.1, 0.0, -0.2]
    assert 2.5 in {shape.x0 for shape in figure.layout.shapes}


def test_the_elbow_draws_the_whole_interval(heads):
    circuit = elbow(heads).data[0]
    assert circuit.error_y.array == pytest.approx([0.1, 0.1])
    assert circuit.error_y.arrayminus == pytest.approx([0.05, 0.05])


def test_the_token_strip_escapes_what_it_shows():
    strip = token_strip(["<b>", '" onload="x', "&"], np.array([0.5, 0.3, 0.2]), meaning="share")
    assert "<b>" not in strip
    assert "&lt;b&gt;" in strip
    assert 'title="token 2: &quot;␣onload=&quot;x' in strip
    assert set(re.findall(r"</?(\w+)", strip)) == {"div", "span"}


def test_the_token_strip_shades_in_proportion():
    strip = token_strip(["a", "b", "c"], np.array([0.0, 0.5, 1.0]), meaning="share")
    shades = [float(s) for s in re.findall(r"rgba\(230,159,0,([\d.]+)\)", strip)]
    assert shades[0] == 0
    assert shades[1] == pytest.approx(shades[2] / 2)


def test_tokens_in_a_pattern_are_text_not_markup():
    figure = pattern_heatmap(np.eye(2), ["<i>x</i>", "y"], title="Pattern")
    assert "<i>" not in str(figure.data[0].text) + str(figure.layout.xaxis.ticktext)


def test_a_pattern_shows_nothing_above_the_diagonal():
    z = np.array(pattern_heatmap(np.tril(np.ones((3, 3))), list("abc"), title="P").data[0].z)
    assert np.isnan(z[np.triu_indices(3, 1)]).all()
    assert (z[np.tril_indices(3)] == 1).all()


def test_a_long_text_names_few_tokens_and_keeps_every_bar():
    figure = token_bars(["t"] * 500, np.ones(500), title="By token", unit="share")
    assert len(figure.data[0].y) == 500
    assert len(figure.layout.xaxis.ticktext) <= 40


def test_selected_rows_stand_apart_from_the_pool(scores):
    rest, selected = score_against_length(scores, name="excess", selected=["b", "d"]).data
    assert (list(rest.y), list(selected.y)) == ([0.1, 0.2], [0.4, 0.3])
    assert list(selected.x) == [6, 8]


def test_selected_and_pool_share_their_bins():
    figure = selected_against_pool(np.arange(50.0), np.array([3.0, 4.0]), name="Score")
    pool, selected = figure.data
    assert list(pool.x) == list(selected.x)
    assert sum(pool.y) == pytest.approx(1)
    assert sum(selected.y) == pytest.approx(1)


def test_a_pool_of_one_score_still_makes_a_figure():
    assert selected_against_pool(np.ones(4), np.ones(2), name="Score").data
    assert score_histogram(np.array([]), name="excess").data


def test_a_dragged_range_colours_the_bars_inside_it():
    edges, counts = np.linspace(0, 1, 5), np.array([4, 3, 2, 1])
    bars = binned_histogram(edges, counts, name="excess", span=(0.3, 0.6)).data[0]
    assert list(bars.y) == [4, 3, 2, 1]
    assert [color == bars.marker.color[0] for color in bars.marker.color] == [
        True,
        False,
        False,
        True,
    ]


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


def _rows(scored):
    places = {(h.layer, h.head): h for h in scored}
    return [[places[layer, head] for head in range(2)] for layer in range(3)]


def test_the_difference_of_a_run_and_itself_is_nothing(heads):
    assert np.all(np.array(heads_difference(heads, heads).data[0].z) == 0)


def test_runs_with_different_measures_are_compared_by_rank(heads):
    other = dataclasses.replace(heads, method="retrieval")
    figure = heads_difference(heads, other)
    assert "Places" in figure.layout.title.text


def test_a_strip_tells_harder_from_easier_by_colour():
    strip = token_strip(["a", "b"], np.array([0.5, -1.0]), meaning="rise", first=7)
    up, down = re.findall(r"rgba\((\d+,\d+,\d+),([\d.]+)\)", strip)
    assert up[0] != down[0]
    assert float(down[1]) == pytest.approx(2 * float(up[1]), abs=1e-3)
    assert "token 7: a" in strip


def test_an_overview_of_a_long_sample_keeps_its_mean():
    values = np.linspace(0, 1, 4800)
    strip = overview_strip(values, window=(0, 100), title="Whole").data[0]
    assert len(strip.z[0]) == 240
    assert np.mean(strip.z[0]) == pytest.approx(values.mean())


def test_quartiles_are_drawn_around_the_median():
    frame = pd.DataFrame(
        {"label": [1, 2], "q25": [0.1, 0.2], "median": [0.2, 0.4], "q75": [0.5, 0.9], "rows": 3}
    )
    line = score_against_label(frame, label="level", name="excess").data[0]
    assert line.error_y.array == pytest.approx([0.3, 0.5])
    assert line.error_y.arrayminus == pytest.approx([0.1, 0.2])


def test_names_in_a_mix_are_text_not_markup():
    part = {"name": "<b>x</b>", "n_before": 4, "share_before": 0.4}
    part |= {"n_after": 1, "share_after": 0.5}
    figure = mix_before_after([part], title="Sources")
    assert "<b>" not in str(figure.data)
    assert [list(bar.x) for bar in figure.data] == [[0.4], [0.5]]


def test_chances_of_the_next_token_stand_beside_each_other():
    figure = next_token_bars(["<i>", "b"], np.array([0.7, 0.1]), np.array([0.2, 0.6]))
    assert [list(bar.x) for bar in figure.data] == [[0.2, 0.6], [0.7, 0.1]]
    assert "<i>" not in str(figure.data)


def test_a_head_is_named_by_layer_and_number():
    assert head_name(3, 5) == "L3 H5"
