"""Attention that was kept with a run: the same as recomputed, and the same after a round trip."""

from __future__ import annotations

import numpy as np
import pytest

from apps.passes.attention import live_sample, token_view
from apps.reading.kept_samples import KeptHead, KeptSample, read_kept, write_kept
from tests.support.checkpoints import write_checkpoint
from workbench.models import load_model
from workbench.scoring import split_score
from workbench.types import Head, Message, Sample

HEADS = (Head(0, 1), Head(1, 3))


@pytest.fixture(scope="module", params=["qwen2", "mistral"])
def live(request, tmp_path_factory):
    model = load_model(str(write_checkpoint(request.param, tmp_path_factory.mktemp("model"))))
    text = "one more " * 9 + "1+1?"
    messages = (Message("user", text), Message("assistant", "2"))
    return live_sample(model, Sample("r0", 0, "made", "messages", messages))


@pytest.fixture
def kept(live, tmp_path):
    windows = live.model.windows
    by_head = {h: KeptHead(live.pattern(h), live.values(h), windows[h.layer]) for h in HEADS}
    sample = KeptSample("r0", live.texts(0, live.n_tokens), live.starts, by_head)
    write_kept(tmp_path / "attention.parquet", [sample])
    return read_kept(tmp_path / "attention.parquet")["r0"]


def test_what_was_kept_comes_back_bit_for_bit(live, kept):
    assert kept.tokens == live.texts(0, live.n_tokens)
    assert kept.heads == HEADS
    for head in HEADS:
        np.testing.assert_array_equal(kept.pattern(head), live.pattern(head))
        np.testing.assert_array_equal(kept.values(head), live.values(head))


@pytest.mark.parametrize("drop_sink", [False, True])
def test_a_kept_sample_is_seen_as_a_recomputed_one(live, kept, drop_sink):
    before, after = (token_view(seen, HEADS, drop_sink=drop_sink) for seen in (live, kept))
    assert (after.tokens, after.start) == (before.tokens, before.start)
    np.testing.assert_allclose(after.by_head, before.by_head, atol=1e-6)
    np.testing.assert_allclose(after.uniform, before.uniform, atol=1e-12)
    shares = [split_score(view.by_head, view.uniform, "paper").heads for view in (before, after)]
    np.testing.assert_allclose(shares[1], shares[0], atol=1e-3)


def test_a_kept_sample_is_known_by_the_words_of_its_prompt(kept):
    assert kept.opening.startswith("one more one more")
