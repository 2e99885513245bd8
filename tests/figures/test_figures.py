"""Figures hold the numbers they were given, and no text of a dataset becomes markup."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from tests.support.head_scores import six_heads
from tests.support.validation_report import report
from workbench.figures import (
    binned_histogram,
    elbow,
    heads_heatmap,
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
from workbench.types import Head, HeadScores


@pytest.fixture
def heads() -> HeadScores:
    return six_heads()


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


def test_tokens_that_are_numbers_are_no_places_on_an_axis():
    figure = next_token_bars(["6", "59"], np.array([0.7, 0.1]), np.array([0.2, 0.6]))
    assert figure.layout.yaxis.type == "category"


def test_bars_of_one_token_are_told_from_those_of_the_next():
    """A token that the heads take away and the one they bring would else look like a pair."""
    figure = next_token_bars(["a", "b", "c"], np.array([1.0, 0, 0]), np.array([0, 1.0, 0]))
    assert [line.y0 for line in figure.layout.shapes] == [0.5, 1.5]
    assert [list(bar.text) for bar in figure.data] == [["0%", "100%", "0%"], ["100%", "0%", "0%"]]


def test_a_pattern_is_square_in_whatever_room_there_is():
    figure = pattern_heatmap(np.eye(3), ["a", "b", "c"], title="t")
    assert (figure.layout.yaxis.scaleanchor, figure.layout.yaxis.autorange) == ("x", "reversed")
    assert figure.layout.yaxis.ticktext == ("a", "b", "c")
    assert figure.layout.xaxis.constrain == figure.layout.yaxis.constrain == "domain"


def test_small_numbers_on_an_axis_are_written_out():
    figure = token_bars(["a"], np.array([3e-4]), title="t", unit="u")
    assert figure.layout.yaxis.exponentformat == "none"
