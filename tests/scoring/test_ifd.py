"""Instruction-Following Difficulty: the same tokens with the prompt and without it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from tests.scoring.test_score import row, scored, text
from tests.support.planted import N_WORDS, write_copier
from workbench.models import load_model, render
from workbench.models.render import COMPLETION


@pytest.fixture(scope="module")
def copier(tmp_path_factory):
    return load_model(str(write_copier(tmp_path_factory.mktemp("copier"))), device="cpu")


def loss_of(model, ids, n_counted):
    """Mean loss of the last `n_counted` tokens of a whole run."""
    with torch.no_grad():
        logits = model.hooked(torch.tensor([ids]), return_type="logits", use_cache=False)[0]
    return float(cross_entropy(logits[-n_counted - 1 : -1], torch.tensor(ids[-n_counted:])))


def test_the_score_is_the_ratio_of_two_whole_runs_over_the_same_tokens(tiny_model, samples):
    longer = [sample for sample in samples if len(sample.completion) > 1]
    frame = scored(longer, tiny_model, method="ifd")
    for sample, found in zip(longer, frame.itertuples(), strict=True):
        rendered = render(sample, tiny_model.tokenizer)
        places = np.flatnonzero(rendered.parts == COMPLETION)
        ids, end, n = rendered.ids, int(places[-1]) + 1, len(places) - 1
        given = loss_of(tiny_model, ids[:end], n)
        alone = loss_of(tiny_model, ids[places[0] : end], n)
        assert found.loss_given_prompt == pytest.approx(given, abs=1e-5)
        assert found.loss_alone == pytest.approx(alone, abs=1e-5)
        assert found.score == pytest.approx(given / alone, abs=1e-5)


def test_an_answer_that_the_prompt_tells_has_a_low_score(copier):
    rng = np.random.default_rng(0)
    rows = []
    for i in range(20):
        words = [f"w{w}" for w in rng.permutation(np.arange(3, N_WORDS))[:20]]
        answer = words[:8] if i % 2 else words[10:18]
        rows.append(row(f"row-{i}", " ".join(words[:10]), " ".join(answer)))
    scores = scored(rows, copier, method="ifd")["score"].to_numpy()
    assert scores[1::2].max() < 0.2
    assert scores[0::2].min() > 0.8


def test_rows_without_prompt_or_with_one_token_say_why(tiny_model):
    rows = [row("a", "What?", "4"), text("b", "only text"), row("c", "What?", "44")]
    frame = scored([*rows, row("d", "What?", "4" * 99)], tiny_model, method="ifd")
    assert frame["status"].tolist() == ["too_short", "too_short", "ok", "truncated"]
    assert frame["reason"][0] == "1 tokens of completion, at least 2 are needed"
    assert frame["reason"][1] == "plain text has no prompt to leave out"


def test_a_loss_of_zero_without_the_prompt_is_a_failure(tiny_model, monkeypatch):
    from workbench.scoring import losses

    monkeypatch.setattr(losses, "loss_scores", lambda *_, **__: [0.0])
    frame = scored([row("a", "What?", "four")], tiny_model, method="ifd")
    assert frame["status"].tolist() == ["failed"]
    assert frame["reason"][0] == "the loss without the prompt is 0, so the score would divide by it"
