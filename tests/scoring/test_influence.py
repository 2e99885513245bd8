"""AttentionInfluence: against whole runs, over windows, and on a planted copying head."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.scoring.test_score import row, scored, text
from tests.support.planted import COPIER, N_WORDS, write_copier
from workbench.ablation import uniform_heads
from workbench.models import load_model, render, sample_losses
from workbench.scoring.methods.attention_influence import influence_columns, windows
from workbench.types import Circuit, Head

HEADS = (Head(0, 3), Head(1, 0), Head(2, 2))
METHOD = {"method": "attention-influence"}


@pytest.fixture(scope="module")
def circuit(tiny_model):
    return Circuit(HEADS, tiny_model.info)


@pytest.fixture(scope="module")
def copier(tmp_path_factory):
    return load_model(str(write_copier(tmp_path_factory.mktemp("copier"))), device="cpu")


@pytest.mark.parametrize("part", [None, "prompt", "completion"])
def test_the_score_is_the_relative_difference_of_two_whole_runs(part, tiny_model, circuit, samples):
    rendered = [render(sample, tiny_model.tokenizer) for sample in samples]
    alone = [[i] for i in range(len(rendered))]
    base = sample_losses(tiny_model, rendered, batches=alone, part=part or "all")
    with uniform_heads(tiny_model, HEADS):
        weak = sample_losses(tiny_model, rendered, batches=alone, part=part or "all")
    frame = scored(samples, tiny_model, circuit, part=part, **METHOD)
    assert frame["loss_base"].tolist() == pytest.approx(base.tolist(), abs=1e-5)
    assert frame["loss_weak"].tolist() == pytest.approx(weak.tolist(), abs=1e-5)
    assert frame["score"].tolist() == pytest.approx(((weak - base) / base).tolist(), abs=1e-5)
    assert (frame["n_windows"] == 1).all()


def test_windows_follow_one_another_and_leave_out_what_nothing_predicts(tiny_model):
    document = render(text("a", "x" * 193), tiny_model.tokenizer)
    cut = windows(document, row=0, part="all", n_ctx=96)
    # One token a byte; of 193 the last is a window of its own, which has nothing to predict.
    assert [len(window.ids) for window in cut] == [96, 96]
    assert [sum(window.counted) for window in cut] == [95, 95]
    assert not any(window.counted[0] for window in cut)
    short = windows(document, row=0, part="all", n_ctx=200)
    assert [(len(w.ids), sum(w.counted)) for w in short] == [(193, 192)]


def test_a_long_document_is_the_token_weighted_mean_of_its_windows(tiny_model, circuit):
    letters = "".join(np.random.default_rng(0).choice(list("abcdef gh"), 230))
    frame = scored([text("long", letters)], tiny_model, circuit, **METHOD)
    pieces = [text(str(i), letters[i : i + 96]) for i in (0, 96, 192)]
    parts = scored(pieces, tiny_model, circuit, **METHOD)
    n_counted = [95, 95, 37]
    for column in ("loss_base", "loss_weak"):
        expected = np.average(parts[column], weights=n_counted)
        assert frame[column][0] == pytest.approx(expected, abs=1e-5)
    assert frame["status"][0] == "ok"
    assert frame["n_windows"][0] == 3
    assert frame["n_tokens"][0] == 230


def test_with_the_loss_of_the_solution_a_long_row_would_be_cut(tiny_model, circuit):
    rows = [row("long", "What is this? " * 8, "4"), row("short", "What?")]
    assert scored(rows, tiny_model, circuit, **METHOD)["status"].tolist() == ["ok", "ok"]
    frame = scored(rows, tiny_model, circuit, with_loss=True, **METHOD)
    assert frame["status"].tolist() == ["truncated", "ok"]


def test_a_base_loss_of_zero_is_a_failure_with_its_reason(
    tiny_model, circuit, samples, monkeypatch
):
    from workbench import ablation

    def certain(model, heads, ids, counted):
        zero = torch.zeros(ids.shape)
        return ablation.WeakenedLosses(zero, zero)

    monkeypatch.setattr(ablation, "weakened_losses", certain)
    frame = scored(samples[:2], tiny_model, circuit, **METHOD)
    assert frame["status"].tolist() == ["failed", "failed"]
    assert frame["reason"][0] == "the base loss is 0, so the score would divide by it"
    assert frame["score"].isna().all()


def test_the_equation_worked_by_hand():
    assert influence_columns(2.0, 3.0)["score"] == 0.5
    assert influence_columns(2.0, 1.5)["score"] == -0.25
    assert np.isnan(influence_columns(0.0, 1.0)["score"])


def test_documents_that_a_planted_head_predicts_stand_out_and_chance_does_not(copier):
    rng = np.random.default_rng(0)
    planted = np.arange(40) % 2 == 0
    rows = []
    for i, repeats in enumerate(planted):
        words = [f"w{w}" for w in rng.permutation(np.arange(3, N_WORDS))[:20]]
        rows.append(text(f"row-{i}", " ".join(words[:10] * 2 if repeats else words)))
    circuit = Circuit((Head(*COPIER),), copier.info)
    scores = scored(rows, copier, circuit, **METHOD)["score"]
    assert scores[planted].min() > 0.5
    assert scores[~planted].abs().max() < 1e-6
    chance = scored(rows, copier, method="random")["score"]
    wins = np.mean([a > b for a in chance[planted] for b in chance[~planted]])
    assert 0.3 < wins < 0.7
