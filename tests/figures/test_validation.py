"""Figures of a validation hold the numbers of its report."""

from __future__ import annotations

import pytest

from tests.support.validation_report import report, validation
from workbench.figures import control_rises, knockout_curve, random_draws, stability_bars


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


def test_the_knockout_curve_begins_with_the_unchanged_model():
    top, bottom, mean, ranked = knockout_curve(validation()).data
    assert list(ranked.x) == [0, 1, 2, 3]
    assert ranked.name.startswith("the circuit, then")
    title = knockout_curve(validation()).layout.title.text
    assert "top heads" not in title
    assert len(title) < 45, "at 1280 pixels a longer one is cut"
    assert list(ranked.y) == [1.0, 2.0, 3.0, 3.5]
    assert list(mean.y) == pytest.approx([1.0, 1.05, 1.4, 1.6])
    assert (list(top.y), list(bottom.y)) == ([1.0, 1.1, 1.6, 1.8], [1.0, 1.0, 1.2, 1.4])


def test_control_rises_are_nats_beyond_each_places_own_loss():
    circuit, random, bottom = control_rises(validation()).data
    assert list(circuit.x) == ["these problems", "&lt;b&gt;text&lt;/b&gt;"]
    assert list(circuit.y) == pytest.approx([2.0, 1.0])
    assert list(random.y) == pytest.approx([0.3, 0.2])
    assert list(bottom.y) == pytest.approx([0.1, 0.0])


def test_stability_bars_show_means_and_ranges_even_below_zero():
    figure = stability_bars(validation())
    for bars in figure.data:
        assert list(bars.y) == [0.5, 0.5]
        assert list(bars.error_y.array) == pytest.approx([0.4, 0.4])
    assert figure.layout.yaxis.range[0] == -0.2
