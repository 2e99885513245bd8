"""Heads that copy by key: a planted one is found; scores are what `transformers` attends to."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.support.planted import COPIER, N_WORDS, word_tokenizer, write_copier
from workbench.circuits import (
    RetrievalOptions,
    RetrievalSample,
    copied_share,
    probe_facts,
    rank_heads,
    retrieval_importance,
    retrieval_probe,
    retrieval_scores,
)
from workbench.engines import HookedEngine
from workbench.errors import InputError
from workbench.models import Rendered, load_model
from workbench.models.render import COMPLETION, PROMPT
from workbench.types import Sample

TEXTS = [
    f"{start} {end}"
    for start in ("He was there and", "It is one of them, for", "They are in the house so")
    for end in ("this was the end.", "no one else came here.")
] * 2


def sample_of(ids, n_prompt, value) -> RetrievalSample:
    parts = np.array([PROMPT] * n_prompt + [COMPLETION] * (len(ids) - n_prompt), dtype=np.int8)
    rendered = Rendered(ids=tuple(map(int, ids)), parts=parts, is_text=False)
    return RetrievalSample(Sample("row", 0, "tests", "text", text="x"), rendered, value)


def pairs_of_words(rng, *, n_pairs=4, n_value=5) -> RetrievalSample:
    """`| k v v v v v k v v ... | k v v v v v | k v v v v v`: pairs, one solved, one asked."""
    words = rng.permutation(np.arange(3, N_WORDS))[: n_pairs * (n_value + 1)]
    keys, values = words[:n_pairs], words[n_pairs:].reshape(n_pairs, n_value)
    ids, places = [2], []
    for key, value in zip(keys, values, strict=True):
        places.append(range(len(ids) + 1, len(ids) + 1 + n_value))
        ids += [key, *value]
    ids += [2, keys[1], *values[1], 2, keys[2]]
    return sample_of([*ids, *values[2]], len(ids), places[2])


@pytest.fixture(scope="module")
def copier(tmp_path_factory):
    return load_model(str(write_copier(tmp_path_factory.mktemp("copier"))), device="cpu")


@pytest.fixture(scope="module")
def word_pairs():
    rng = np.random.default_rng(0)
    return [pairs_of_words(rng) for _ in range(20)]


def test_a_planted_head_is_found_and_no_other(copier, word_pairs):
    measured = retrieval_scores(HookedEngine(copier), word_pairs, batch_tokens=200)
    scores = measured.scores.mean(axis=0)
    assert scores[COPIER] > 0.9
    others = np.delete(scores.ravel(), np.ravel_multi_index(COPIER, scores.shape))
    assert others.max() < 0.1
    assert measured.exact.all()
    importance = retrieval_importance(measured, [str(i) for i in range(20)])
    heads = rank_heads(importance, copier.info, fraction=0.05, method="retrieval")
    (found,) = [h for h in heads.heads if h.selected]
    assert (found.layer, found.head) == COPIER
    assert [found.ci_low, found.delta, found.ci_high] == pytest.approx([1, 1, 1])
    assert heads.base_loss == measured.base_loss.mean() < 0.1


def test_a_planted_head_copies_nothing_where_its_value_stands_elsewhere(copier, word_pairs):
    moved = [
        RetrievalSample(s.sample, s.rendered, range(s.value.stop, s.value.stop + 5))
        for s in word_pairs
    ]
    assert retrieval_scores(HookedEngine(copier), moved).scores.max() == 0


def test_the_row_that_predicts_a_token_is_read_worked_by_hand():
    # Value 7 8 9 at 1..3; gold at 5..7. Rows of 4, 5 and 6: right place; right token at a wrong
    # place; right place but another token.
    ids = torch.tensor([1, 7, 8, 9, 1, 7, 8, 9])
    rows = torch.zeros(2, 3, 8)
    rows[0, 0, 1] = rows[0, 1, 2] = rows[0, 2, 3] = 1
    rows[1, 0, 1], rows[1, 1, 5], rows[1, 2, 2] = 0.6, 1, 1
    rows[1, 0, 0] = 0.4
    share = copied_share(rows, ids, torch.tensor([5, 6, 7]), range(1, 4))
    assert share.tolist() == [1, pytest.approx(1 / 3)]


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_scores_are_what_transformers_attends_to(name, tiny, checkpoint):
    model, rng = tiny(name), np.random.default_rng(0)
    value = rng.integers(4, 12, size=8)
    probe = []
    for n_before in (5, 11, 0):
        front = [3, *rng.integers(4, 12, size=n_before), *value, *rng.integers(4, 12, size=6)]
        probe.append(sample_of([*front, *value], len(front), range(1 + n_before, 9 + n_before)))
    measured = retrieval_scores(HookedEngine(model), probe, batch_tokens=2048)
    plain = AutoModelForCausalLM.from_pretrained(checkpoint(name), attn_implementation="eager")
    for sample, scores in zip(probe, measured.scores, strict=True):
        ids = sample.rendered.ids
        with torch.no_grad():
            attentions = plain(torch.tensor([ids]), output_attentions=True).attentions
        expected = np.zeros((model.n_layers, model.n_heads))
        for layer, head in np.ndindex(*expected.shape):
            for t in range(len(ids) - 8, len(ids)):
                best = int(attentions[layer][0, head, t - 1].argmax())
                expected[layer, head] += best in sample.value and ids[best] == ids[t]
        np.testing.assert_allclose(scores, expected / 8)
    assert measured.scores.max() > 0


def test_batches_change_nothing(copier, word_pairs):
    one = retrieval_scores(HookedEngine(copier), word_pairs[:6], batch_tokens=1)
    many = retrieval_scores(HookedEngine(copier), word_pairs[:6], batch_tokens=10_000)
    assert np.array_equal(one.scores, many.scores)
    np.testing.assert_allclose(one.base_loss, many.base_loss, atol=1e-6)


def test_exact_by_teacher_forcing_is_what_greedy_decoding_gives(copier, word_pairs):
    rng = np.random.default_rng(1)
    # A value that nowhere stands behind its key cannot be decoded.
    hidden = [sample_of([*rng.permutation(np.arange(3, 40)), 5, 6, 7], 37, range(3, 6))] * 2
    probe = [*word_pairs[:4], *hidden]
    measured = retrieval_scores(HookedEngine(copier), probe)
    assert measured.exact.tolist() == [True] * 4 + [False] * 2
    for sample, exact in zip(probe, measured.exact, strict=True):
        n_gold = int((sample.rendered.parts == COMPLETION).sum())
        prompt, gold = sample.rendered.ids[:-n_gold], sample.rendered.ids[-n_gold:]
        assert (greedy(copier, prompt, n_gold) == gold) == exact
    decoded = retrieval_importance(measured, list("abcdef"), decode=True)
    assert decoded.row_ids == tuple("abcd")
    assert np.array_equal(decoded.deltas, measured.scores[:4])


def greedy(model, ids, n_new):
    ids = list(ids)
    for _ in range(n_new):
        with torch.no_grad():
            logits = model.hooked(torch.tensor([ids]), return_type="logits", use_cache=False)
        ids.append(int(logits[0, -1].argmax()))
    return tuple(ids[-n_new:])


def test_nothing_retrieved_is_said(tiny_model):
    probe = [sample_of([9, 5, 6, 7, 9, 5, 6, 7], 5, range(1, 4))]
    measured = retrieval_scores(HookedEngine(tiny_model), probe)
    assert not measured.exact.any()
    with pytest.raises(InputError, match=r"retrieves none of the 1 values.*leave out --decode"):
        retrieval_importance(measured, ["a"], decode=True)


def test_the_probe_fills_the_context_and_knows_where_the_values_are(bundled_model):
    options = RetrievalOptions(n=4, n_shots=1, key_length=8, seed=3)
    probe = retrieval_probe(bundled_model, TEXTS, options)
    assert len({sample.sample.completion for sample in probe}) > 1
    for sample in probe:
        assert len(sample.rendered.ids) <= bundled_model.n_ctx
        ids = [sample.rendered.ids[i] for i in sample.value]
        assert sample.sample.completion in bundled_model.tokenizer.decode(ids)
        assert sample.value.stop < np.flatnonzero(sample.rendered.counted("completion"))[0]
        # Six different sentences are all there are.
        assert sample.sample.row["n_pairs"] == 6
    again = retrieval_probe(bundled_model, TEXTS, options)
    assert [s.rendered.ids for s in again] == [s.rendered.ids for s in probe]
    facts = probe_facts(probe, options)
    assert facts["counted"] == "teacher-forced"
    assert (facts["n"], facts["mean_pairs"]) == (4, 6)


def test_the_limit_is_kept(bundled_model):
    options = RetrievalOptions(n=2, n_shots=0, key_length=4, limit=80)
    lengths = [len(s.rendered.ids) for s in retrieval_probe(bundled_model, TEXTS, options)]
    assert max(lengths) <= 80


def test_a_context_too_short_for_one_sample_is_refused(bundled_model):
    words = r"the limit of 90 tokens is too short for one 3-shot retrieval sample of math-tiny, "
    with pytest.raises(InputError, match=words + r"expected at least \d+ tokens; pass a larger"):
        retrieval_probe(bundled_model, TEXTS, RetrievalOptions(limit=90))


def test_too_few_sentences_are_refused(bundled_model):
    with pytest.raises(
        InputError, match="0 sentences of 5 to 30 tokens can be values, expected at"
    ):
        retrieval_probe(bundled_model, ["no sentence"], RetrievalOptions())


def test_a_tokenizer_that_loses_keys_is_refused(copier):
    """Its words are numbered; a key is an unknown word, and so cannot be looked up."""
    assert "unk" in word_tokenizer().decode(word_tokenizer()("aB3")["input_ids"])
    texts = [f"A{'a' * i} w3 w4 w5 w6." for i in range(9)]
    options = RetrievalOptions(n_shots=0, limit=60)
    with pytest.raises(InputError, match=r"does not give the key '\w{32}' back, it reads '.*unk"):
        retrieval_probe(copier, texts, options)
