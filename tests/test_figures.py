"""Figures hold the numbers they were given, and no text of a dataset becomes markup."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from workbench.figures import (
    elbow,
    head_name,
    heads_heatmap,
    pattern_heatmap,
    random_draws,
    sample_deltas,
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


def report() -> dict:
    return {
        "base": {"loss": 1.0, "accuracy": 0.8},
        "bottom": {"loss": 1.1, "accuracy": 0.7},
        "circuit": {"loss": 3.0, "accuracy": 0.1},
        "random": {"loss": [1.2, 1.3, 1.4], "accuracy": [0.6, 0.6, 0.5]},
    }


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
    assert pool.xbins == selected.xbins
    assert pool.histnorm == "probability"


@pytest.mark.parametrize("measure", ["loss", "accuracy"])
def test_every_random_set_is_counted_and_the_circuit_marked(measure):
    bars, *marks = random_draws(report(), measure).data
    assert sum(bars.y) == 3
    circuit = next(mark for mark in marks if mark.name.startswith("circuit"))
    assert set(circuit.x) == {report()["circuit"][measure]}


def test_draws_that_are_all_alike_still_make_a_figure():
    flat = {"loss": 0.0, "accuracy": 0.0}
    nothing = {"base": flat, "bottom": flat, "circuit": flat, "random": {"accuracy": [0.0] * 4}}
    bars = random_draws(nothing, "accuracy").data[0]
    assert sum(bars.y) == 4


def test_a_pool_of_one_score_still_makes_a_figure():
    assert selected_against_pool(np.ones(4), np.ones(2), name="Score").data
    assert score_histogram(np.array([]), name="excess").data


def test_a_head_is_named_by_layer_and_number():
    assert head_name(3, 5) == "L3 H5"
