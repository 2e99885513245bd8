"""Figures of single steps hold the numbers they were given, and no text becomes markup."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from workbench.figures import step_blocks, step_losses, step_weight_bars

STEPS = pd.DataFrame(
    {"n_tokens": [4, 8], "loss_base": [0.5, 1.0], "loss_weak": [1.5, 0.5], "score": [2.0, -0.5]}
)


def opacities(shown: str) -> list[tuple[str, float]]:
    found = re.findall(r"background:rgba\((\d+),\d+,\d+,([0-9.]+)\)", shown)
    return [(red, float(alpha)) for red, alpha in found]


def test_each_step_has_a_block_in_order_with_its_value():
    shown = step_blocks(["first\n", "second"], np.array([2.0, -1.0]), meaning="influence")
    assert re.findall(r"(first|second)</div>", shown) == ["first", "second"]
    assert "1 · +2" in shown
    assert "step 2: influence -1" in shown


def test_steps_above_and_below_the_middle_differ_in_colour_and_strength():
    (up, strong), (down, weak) = opacities(
        step_blocks(["a", "b"], np.array([3.0, 0.5]), meaning="weight", middle=1.0)
    )
    assert up != down
    assert strong == pytest.approx(4 * weak, abs=0.003)


def test_blocks_escape_what_they_show():
    shown = step_blocks(["<script>x</script>"], np.array([1.0]), meaning='"><b>')
    assert "<script" not in shown
    assert "<b>" not in shown
    assert "&lt;script&gt;" in shown


def test_both_losses_of_every_step_stand_beside_each_other():
    base, weak = step_losses(STEPS).data
    assert list(base.y) == [0.5, 1.0]
    assert list(weak.y) == [1.5, 0.5]
    assert list(base.x) == list(weak.x) == [1, 2]


def test_weights_above_plain_training_stand_out():
    figure = step_weight_bars(np.array([0.5, 1.5]), ["<i>", "b"], rule="softmax")
    (bars,) = figure.data
    assert list(bars.y) == [0.5, 1.5]
    assert bars.marker.color[0] != bars.marker.color[1]
    assert bars.customdata[0] == "&lt;i&gt;"
    assert figure.layout.shapes[0].y0 == 1
    assert not figure.layout.annotations, "a label at the line would lie on a bar"
    assert "plain training" in figure.layout.title.text


def test_a_solution_of_many_steps_names_only_some_of_them():
    many = pd.concat([STEPS] * 50)
    assert step_losses(many).layout.xaxis.dtick == 5
