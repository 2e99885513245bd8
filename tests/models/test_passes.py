from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from torch.profiler import ProfilerActivity, profile

from tests.support.checkpoints import USABLE
from workbench.engines import (
    HookedEngine,
    counted_mask,
    sample_losses,
    sample_means,
    token_outcomes,
)
from workbench.models import (
    capture,
    final_residual,
    load_model,
    padded,
    position_logits,
    render,
    replay,
)

ARCHITECTURES = pytest.mark.parametrize("name", USABLE)


def token_ids(n_batch=3, n_pos=20):
    shape = (n_batch, n_pos)
    return torch.randint(4, 260, shape, generator=torch.Generator().manual_seed(2))


def full_logits(model, ids):
    with torch.no_grad():
        return model.hooked(ids, return_type="logits", use_cache=False)


def rendered_rows(model, samples):
    return [render(sample, model.tokenizer) for sample in samples]


def whole(ids):
    return torch.ones_like(ids, dtype=torch.bool)


@ARCHITECTURES
def test_replay_from_every_layer_is_the_full_pass(name, tiny):
    model, ids = tiny(name), token_ids()
    inputs, expected = capture(model, ids), full_logits(model, ids)
    for layer in range(model.n_layers):
        residual = replay(model.hooked.blocks, inputs, from_layer=layer)
        torch.testing.assert_close(residual, inputs.final, atol=1e-5, rtol=0)
        logits = position_logits(model, residual.flatten(0, 1)).reshape(expected.shape)
        torch.testing.assert_close(logits, expected, atol=1e-5, rtol=0)


@ARCHITECTURES
@pytest.mark.parametrize("n_batch", [1, 3, 20])  # 20 rows of 20 tokens: axes of one length
def test_folded_copies_are_the_batch_over_and_over(name, n_batch, tiny):
    model = tiny(name)
    inputs = capture(model, token_ids(n_batch))
    for layer in range(model.n_layers):
        copies = replay(model.hooked.blocks, inputs, from_layer=layer, copies=4)
        expected = inputs.final.repeat(4, 1, 1)
        torch.testing.assert_close(copies, expected, atol=1e-5, rtol=0)


def test_capture_leaves_no_hook_behind(tiny_model):
    ids = token_ids()
    before = full_logits(tiny_model, ids)
    capture(tiny_model, ids)
    assert torch.equal(full_logits(tiny_model, ids), before)
    assert before.shape[1] == ids.shape[1]


@ARCHITECTURES
def test_padding_on_the_right_changes_no_loss(name, tiny, samples):
    model = tiny(name)
    rows = rendered_rows(model, samples)
    together = sample_losses(HookedEngine(model), rows, batches=[range(len(rows))])
    alone = sample_losses(HookedEngine(model), rows, batches=[[i] for i in range(len(rows))])
    assert len({len(row.ids) for row in rows}) > 1
    np.testing.assert_allclose(together, alone, atol=1e-5, rtol=0)


def test_the_padding_token_does_not_matter(tiny_model, samples):
    rows = rendered_rows(tiny_model, samples)
    counted = counted_mask(rows, "all")
    losses = []
    for pad_id in (0, 77):
        ids = padded([row.ids for row in rows], pad_id)
        losses.append(HookedEngine(tiny_model).losses(ids, counted))
    assert torch.equal(*losses)


@ARCHITECTURES
def test_token_losses_are_the_cross_entropy_of_the_full_logits(name, tiny):
    model, ids = tiny(name), token_ids()
    counted = torch.rand(ids.shape, generator=torch.Generator().manual_seed(3)) < 0.5
    counted[:, 0] = False
    losses = HookedEngine(model).losses(ids, counted)
    logits = full_logits(model, ids)[:, :-1].float()
    expected = cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    expected = torch.where(counted[:, 1:], expected.reshape(len(ids), -1), 0)
    assert losses.dtype == torch.float32
    assert not losses[:, 0].any()
    torch.testing.assert_close(losses[:, 1:], expected, atol=2e-5, rtol=0)


def test_a_first_token_that_is_counted_by_mistake_has_no_loss(tiny_model):
    ids = token_ids()
    losses = HookedEngine(tiny_model).losses(ids, whole(ids))
    assert not losses[:, 0].any()
    assert (losses[:, 1:] > 0).all()


@pytest.mark.parametrize("name", ["llama", "gemma2"])
def test_logits_in_small_pieces_give_the_same_losses(name, tiny):
    model, ids = tiny(name), token_ids()
    residual = capture(model, ids).final
    n_vocab, logits = model.hooked.cfg.d_vocab, HookedEngine(model).logits
    at_once = token_outcomes(logits, residual, ids, whole(ids), n_vocab=n_vocab)
    for max_logits in (1, 7 * n_vocab):
        chunked = token_outcomes(
            logits, residual, ids, whole(ids), n_vocab=n_vocab, max_logits=max_logits
        )
        torch.testing.assert_close(chunked.losses, at_once.losses, atol=1e-5, rtol=0)
        assert torch.equal(chunked.hits, at_once.hits)


def test_a_token_is_right_where_it_is_the_most_likely(tiny_model):
    ids = token_ids()
    best = full_logits(tiny_model, ids).argmax(dim=-1)
    ids[:, 11] = best[:, 10]
    best = full_logits(tiny_model, ids).argmax(dim=-1)
    engine = HookedEngine(tiny_model)
    right = engine.outcomes(capture(tiny_model, ids).final, ids, whole(ids)).hits
    assert torch.equal(right[:, 1:], best[:, :-1] == ids[:, 1:])
    assert right[:, 11].all()
    assert not right.all()


def test_gemma2_logits_stay_below_its_cap(tiny):
    model = tiny("gemma2")
    residual = 1e4 * capture(model, token_ids()).final.flatten(0, 1)
    uncapped = model.hooked.unembed(model.hooked.ln_final(residual[None]))[0]
    logits = position_logits(model, residual)
    torch.testing.assert_close(logits, 30 * torch.tanh(uncapped / 30), atol=1e-5, rtol=0)
    assert logits.abs().max() < 30


@pytest.mark.parametrize("part", ["prompt", "completion", "all"])
def test_sample_losses_do_not_depend_on_batches_or_their_order(part, tiny_model, samples):
    rows = rendered_rows(tiny_model, samples)
    first = sample_losses(HookedEngine(tiny_model), rows, batches=[[0, 1, 2], [3, 4, 5]], part=part)
    second = sample_losses(
        HookedEngine(tiny_model), rows, batches=[[5], [4, 0], [2, 3, 1]], part=part
    )
    np.testing.assert_allclose(first, second, atol=1e-6, rtol=0)


def test_a_samples_loss_is_the_mean_over_its_own_completion(tiny_model, samples):
    rows = rendered_rows(tiny_model, samples)
    losses = sample_losses(HookedEngine(tiny_model), rows, batches=[range(len(rows))])
    for row, loss in zip(rows, losses, strict=True):
        ids = torch.tensor([row.ids])
        logits = full_logits(tiny_model, ids)[0, :-1]
        tokens = cross_entropy(logits, ids[0, 1:], reduction="none").numpy()
        assert loss == pytest.approx(tokens[row.counted("completion")[1:]].mean(), abs=1e-5)


def test_the_first_token_never_counts(tiny, samples):
    model = tiny("llama", chat=False)
    rows = rendered_rows(model, samples)
    assert all(row.counted("prompt")[0] for row in rows)
    mask = counted_mask(rows, "prompt")
    assert not mask[:, 0].any()
    assert mask.sum(dim=1).tolist() == [int(row.counted("prompt").sum()) - 1 for row in rows]


def test_sample_means_are_worked_out_by_hand():
    losses = torch.tensor([[0.0, 1.0, 3.0], [0.0, 0.0, 5.0]])
    counted = torch.tensor([[False, True, True], [False, False, True]])
    means = sample_means(losses, counted)
    assert means.dtype == torch.float64
    assert means.tolist() == [2.0, 5.0]


def test_rows_are_padded_on_the_right():
    assert padded([[5], [6, 7, 8]], 9).tolist() == [[5, 9, 9], [6, 7, 8]]


@pytest.mark.parametrize("run", [capture, final_residual], ids=["capture", "final residual"])
def test_no_weights_are_copied_for_the_rows_of_a_batch(run, checkpoint):
    # Half precision only: there PyTorch multiplies a batch in several pieces by copies.
    model = load_model(str(checkpoint("llama")), device="cpu", dtype="bfloat16", check=False)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        run(model, torch.full((16, 2), 7))
    profiler: Any = seen.profiler
    told = profiler.kineto_results.events()
    largest = max(event.nbytes() for event in told if event.name() == "[memory]")
    assert 0 < largest < 4 * model.hooked.cfg.d_vocab * model.hooked.cfg.d_model
