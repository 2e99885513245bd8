"""Times told from a few batches are those of all, where work takes as long as it should."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from workbench.data import batches_by_length
from workbench.engines import HookedEngine
from workbench.models import render
from workbench.stages import calibrate
from workbench.stages.heads import plan

LENGTHS = [10 + i % 60 for i in range(400)]


def spread_evenly(batches):
    """Batches that take a second a token, and which of them were run."""
    run = []

    def work(batch):
        run.append(tuple(batch))
        return sum(LENGTHS[i] for i in batch)

    return work, run


def test_all_batches_are_told_from_a_few(monkeypatch):
    monkeypatch.setattr(calibrate, "timed", lambda work: float(work()) / 1e6)
    batches = batches_by_length(LENGTHS, max_tokens=400)
    work, run = spread_evenly(batches)
    assert calibrate.of_batches(work, batches, LENGTHS) == pytest.approx(sum(LENGTHS) / 1e6)
    assert len(run) == calibrate.N_BATCHES + 1
    assert len(set(run)) == calibrate.N_BATCHES
    assert calibrate.of_batches(work, [], []) == 0.0


def test_a_slow_calibration_stops_early(monkeypatch):
    monkeypatch.setattr(calibrate, "timed", lambda work: float(work()))
    batches = batches_by_length(LENGTHS, max_tokens=400)
    work, run = spread_evenly(batches)
    assert calibrate.of_batches(work, batches, LENGTHS) == pytest.approx(sum(LENGTHS))
    assert len(run) == 2


def test_a_batch_is_told_from_two_smaller_ones():
    assert calibrate.extrapolated([100, 200], [3.0, 5.0], 1000) == pytest.approx(21.0)
    assert calibrate.extrapolated([100, 200], [5.0, 4.0], 1000) == pytest.approx(20.0)
    assert calibrate.extrapolated([100, 200], [1.0, 4.0], 1000) == pytest.approx(20.0)


def test_a_long_text_is_told_from_two_shorter_ones():
    def seconds(n):
        return 2 * n + 0.01 * n**2

    told = calibrate.extrapolated_text([100, 200], [seconds(100), seconds(200)], 4000)
    assert told == pytest.approx(seconds(4000))
    assert calibrate.extrapolated_text([100, 200], [4.0, 4.0], 400) == pytest.approx(8.0)


def test_a_calibration_of_heads_is_a_few_short_passes(tiny_model, samples, monkeypatch):
    """Of a real model a pass of 2,048 tokens takes seconds: little more than two of them."""
    rows, tokens = [render(s, tiny_model.tokenizer) for s in samples], []

    def fake(engine, rendered, *, batches, heads):
        tokens.append(sum(len(r.ids) for r in rendered) * (1 + len(heads)))
        return iter(())

    monkeypatch.setattr(plan, "iter_importance", fake)
    parts = np.tile(rows[0].parts, 300)
    text = dataclasses.replace(rows[0], ids=rows[0].ids * 300, parts=parts, chars=None)
    for some in (rows * 50, [text]):
        tokens.clear()
        plan.seconds_of_heads(HookedEngine(tiny_model), some, 4096)
        assert len(tokens) == 7
        assert sum(tokens) < 2 * 2048 + 512


def test_all_heads_are_told_from_those_of_two_layers(tiny_model, samples, monkeypatch):
    """Where a layer takes 1 second for every sample and head, and all else nothing."""
    rows = [render(sample, tiny_model.tokenizer) for sample in samples]
    layers = []

    def fake(engine, rendered, *, batches, heads):
        model = engine.model
        layers.append(sum(model.n_layers - h.layer for h in heads) * len(batches[0]) / 1e6)
        return iter(())

    def cost(work):
        layers.clear()
        work()
        return sum(layers)

    monkeypatch.setattr(plan, "iter_importance", fake)
    monkeypatch.setattr(plan, "timed", cost)
    same = [rows[0]] * 6
    n_heads, n_layers = tiny_model.n_heads, tiny_model.n_layers
    expected = 6 * n_heads * n_layers * (n_layers + 1) / 2 / 1e6
    assert plan.seconds_of_heads(HookedEngine(tiny_model), same, 4096) == pytest.approx(expected)
