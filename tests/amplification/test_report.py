"""What a report says of made-up measurements."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.amplification import amplification_report
from workbench.amplification.report import gain
from workbench.reports import results_rows

N_TASK, N_OTHER = 40, 10


def measured(n_right: int, *, step: int = 10) -> dict:
    return {
        "right": [i < n_right for i in range(N_TASK)] + [True] * N_OTHER,
        "operations": {"+": {"n": 4, "right": 3}},
        "text_loss": 2.0,
        "retrieval": {"n": 2, "exact": 0.5, "loss": 1.0, "reason": ""},
        "run": "r",
        "seed": 0,
        "best": {"step": step, "lr": 1e-4, "accuracy": 0.5, "difference": 1.0},
        "share_components": 0.01,
        "share_values": 0.001,
        "n_components": 12,
        "n_values": 100,
    }


def report_of(before: int, variants: dict[str, list[dict]]) -> dict:
    shape = {"n_layers": 1, "n_heads": 2, "n_key_value_heads": 2, "d_head": 2, "d_mlp": 4}
    counts = {"query": 1, "key": 0, "value": 0, "neuron": 0}
    mask = {"kept": {}, "counts": counts, "share": 0.1, "n_kept": 1, "n_examples": 3}
    facts = {
        "model": {"id": "m"},
        "data": ["rows"],
        "where": "level=1",
        "label": "level",
        "problems": [
            {"row_id": str(i), "label": i % 2, "is_task": i < N_TASK}
            for i in range(N_TASK + N_OTHER)
        ],
        "shape": shape,
        "masks": [mask | {"warnings": []}],
        "mask_overlap": None,
    }
    return amplification_report(measured(before), variants, facts)


def test_a_gain_beyond_the_random_mask_is_supported():
    seeds = [measured(n) for n in (30, 31, 32)]
    report = report_of(10, {"mask": seeds, "random": [measured(10)] * 3})
    assert report["supported"]
    assert report["gains"]["mask"]["task"]["mean"] == pytest.approx(21 / 40)
    assert report["gains"]["mask"]["other"]["mean"] == 0
    assert (
        "Updating 1.00% of the components takes the share of right answers from 25.0% to 77.5%"
        in (report["verdict"])
    )
    assert "Against random mask: +52.5%" in report["verdict"]
    assert "Fewer than three seeds" not in report["verdict"]


def test_a_gain_that_a_random_mask_has_too_is_not():
    report = report_of(10, {"mask": [measured(30)], "random": [measured(30)]})
    assert not report["supported"]
    assert "A random mask of equal size is not clearly worse." in report["verdict"]
    assert "Fewer than three seeds" in report["verdict"]


def test_where_no_step_was_better_nothing_is_said_to_be_updated():
    report = report_of(10, {"mask": [measured(10, step=0)] * 3})
    assert not report["supported"]
    assert "nothing was changed: 25.0% right before and after" in report["verdict"]
    assert "Updating" not in report["verdict"]
    row = next(row for row in results_rows(report) if row[0] == "masked update")
    assert "0.00%" in row


def test_where_only_some_seeds_changed_it_says_how_many():
    report = report_of(10, {"mask": [measured(10, step=0), measured(30), measured(30)]})
    assert "Updating 1.00% of the components with 2 of 3 seeds takes" in report["verdict"]
    assert "With the others no step was better than none" in report["verdict"]


def test_a_loss_is_no_gain():
    report = report_of(20, {"mask": [measured(10)] * 3})
    assert "That is no gain beyond chance." in report["verdict"]


def test_the_interval_covers_problems_and_seeds():
    rng = np.random.default_rng(0)
    before = np.zeros((1, 200), dtype=bool)
    after = rng.random((3, 200)) < 0.3
    found = gain(after, before, np.ones(200, dtype=bool))
    assert found["low"] < found["mean"] < found["high"]
    assert 0.05 < found["high"] - found["low"] < 0.2
    same = gain(before, before, np.ones(200, dtype=bool))
    assert (same["low"], same["mean"], same["high"]) == (0, 0, 0)
