from itertools import islice

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import AttentionInterface, AutoModelForCausalLM

from tests.support.checkpoints import USABLE
from workbench.ablation import ablated_heads, iter_importance
from workbench.bundled import MODELS, bundled_dir
from workbench.data import read_samples
from workbench.engines import HookedEngine, sample_losses
from workbench.models import padded, render
from workbench.types import BadRow, Head

BATCHES = [[0, 2, 4], [5, 1, 3]]


def rendered_rows(model, samples):
    return [render(sample, model.tokenizer) for sample in samples]


def importance(model, rows, **options):
    """Base loss and deltas of every row, in the order of the rows."""
    base = np.full(len(rows), np.nan)
    deltas = np.full((len(rows), model.n_layers, model.n_heads), np.nan)
    for batch in iter_importance(HookedEngine(model), rows, **options):
        base[list(batch.indices)] = batch.base_loss
        deltas[list(batch.indices)] = batch.deltas
    return base, deltas


def every_head(model):
    return [Head(layer, head) for layer in range(model.n_layers) for head in range(model.n_heads)]


@pytest.mark.parametrize("name", USABLE)
def test_folded_and_replayed_equals_one_hooked_full_pass_a_head(name, tiny, samples):
    model = tiny(name)
    rows, batches = rendered_rows(model, samples[:3]), [[0, 2, 1]]
    assert min(len(row.ids) for row in rows) > 7  # longer than the sliding windows
    base, deltas = importance(model, rows, batches=batches)
    clean = sample_losses(HookedEngine(model), rows, batches=batches)
    np.testing.assert_allclose(base, clean, atol=1e-6, rtol=0)
    for layer, head in every_head(model):
        with ablated_heads(model, [Head(layer, head)]):
            ablated = sample_losses(HookedEngine(model), rows, batches=batches)
        np.testing.assert_allclose(deltas[:, layer, head], ablated - clean, atol=1e-5, rtol=0)
    assert np.abs(deltas).min(axis=0).max() > 1e-3


@pytest.mark.parametrize("part", ["prompt", "completion", "all"])
@pytest.mark.parametrize("fold", [1, 20_000, 10**9])
def test_how_many_copies_share_a_pass_changes_nothing(fold, part, tiny_model, samples, monkeypatch):
    rows = rendered_rows(tiny_model, samples)
    _, expected = importance(tiny_model, rows, batches=BATCHES, part=part)
    monkeypatch.setattr("workbench.engines.hooked.FOLD_CPU", fold)
    _, deltas = importance(tiny_model, rows, batches=BATCHES, part=part)
    np.testing.assert_allclose(deltas, expected, atol=1e-5, rtol=0)


def test_batches_change_nothing(tiny_model, samples):
    rows = rendered_rows(tiny_model, samples)
    base, expected = importance(tiny_model, rows, batches=BATCHES)
    one_by_one = importance(tiny_model, rows, batches=[[i] for i in range(len(rows))])
    np.testing.assert_allclose(one_by_one[0], base, atol=1e-5, rtol=0)
    np.testing.assert_allclose(one_by_one[1], expected, atol=1e-5, rtol=0)


def test_ablating_no_heads_changes_nothing(tiny_model, samples):
    rows = rendered_rows(tiny_model, samples)
    clean = sample_losses(HookedEngine(tiny_model), rows, batches=BATCHES)
    with ablated_heads(tiny_model, []):
        assert np.array_equal(sample_losses(HookedEngine(tiny_model), rows, batches=BATCHES), clean)


def test_a_head_over_a_single_token_is_uniform_already(tiny_model, samples):
    """With one visible key there is nothing to be uniform over."""
    row = render(samples[2], tiny_model.tokenizer, prompt_only=True)
    short = type(row)(ids=row.ids[:2], parts=row.parts[:2], is_text=False)
    _, deltas = importance(tiny_model, [short], batches=[[0]], part="prompt")
    np.testing.assert_allclose(deltas, 0, atol=1e-6)


def test_progress_counts_every_layer_of_every_batch(tiny_model, samples):
    seen = []
    rows = rendered_rows(tiny_model, samples)
    importance(
        tiny_model,
        rows,
        batches=BATCHES,
        on_progress=lambda done, total, _: seen.append((done, total)),
    )
    assert seen == [(i, 6) for i in range(1, 7)]


@pytest.fixture(scope="module")
def uniform_by_hand():
    """`transformers` alone, eagerly, with one head made uniform: no hook of the workbench."""
    chosen = {"head": None}

    def attention(module, query, key, value, attention_mask, scaling, **kwargs):
        n_pos, n_groups = query.shape[2], query.shape[1] // key.shape[1]
        key, value = (t.repeat_interleave(n_groups, dim=1) for t in (key, value))
        causal = torch.ones(n_pos, n_pos).tril()
        scores = (query @ key.transpose(2, 3)) * scaling
        pattern = scores.masked_fill(causal == 0, -torch.inf).softmax(dim=-1)
        if chosen["head"] is not None and chosen["head"].layer == module.layer_idx:
            pattern[:, chosen["head"].head] = causal / torch.arange(1, n_pos + 1)[:, None]
        return (pattern @ value).transpose(1, 2).contiguous(), pattern

    AttentionInterface.register("uniform_by_hand", attention)

    def losses_of(plain, rows, head):
        chosen["head"] = head
        ids = padded([row.ids for row in rows], 0)
        with torch.no_grad():
            logits = plain(ids, use_cache=False).logits[:, :-1]
        tokens = cross_entropy(logits.mT, ids[:, 1:], reduction="none").numpy()
        counted = [row.counted("completion")[1:] for row in rows]
        return np.array([t[: len(c)][c].mean() for t, c in zip(tokens, counted, strict=True)])

    return losses_of


def assert_agrees_with_transformers(model, folder, rows, losses_of, *, heads):
    plain = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="uniform_by_hand")
    base, deltas = importance(model, rows, batches=[range(len(rows))])
    clean = losses_of(plain, rows, None)
    np.testing.assert_allclose(base, clean, atol=1e-4, rtol=0)
    for head in heads:
        expected = losses_of(plain, rows, head) - clean
        np.testing.assert_allclose(deltas[:, *head], expected, atol=1e-4, rtol=0)


def test_deltas_of_a_tiny_llama_agree_with_transformers_alone(
    tiny_model, checkpoint, samples, uniform_by_hand
):
    rows, heads = rendered_rows(tiny_model, samples), every_head(tiny_model)
    assert_agrees_with_transformers(
        tiny_model, checkpoint("llama"), rows, uniform_by_hand, heads=heads
    )


def test_deltas_of_the_bundled_model_agree_with_transformers_alone(bundled_model, uniform_by_hand):
    problems = [s for s in islice(read_samples(["generated"]), 2) if not isinstance(s, BadRow)]
    folder = bundled_dir("data") / MODELS["math-tiny"]
    rows, heads = rendered_rows(bundled_model, problems), every_head(bundled_model)[::3]
    assert_agrees_with_transformers(bundled_model, folder, rows, uniform_by_hand, heads=heads)
