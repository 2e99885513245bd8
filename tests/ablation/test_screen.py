"""Half-way gradients against differences of losses worked out by moving the heads a little."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.support.checkpoints import USABLE
from workbench.ablation import iter_importance, iter_screen
from workbench.circuits.racing import nominate
from workbench.engines import FusedEngine, HookedEngine, sample_losses
from workbench.models import hooks, outputs_hook, render, running_mean, values_hook
from workbench.types import Head

EVERY = ["neox", "gemma3", "olmo2", "phi3", *USABLE]


def rendered_rows(model, samples):
    return [render(sample, model.tokenizer) for sample in samples]


def estimates_of(model, rows, **options):
    (batch,) = iter_screen(HookedEngine(model), rows, batches=[range(len(rows))], **options)
    return batch.deltas


def test_progress_counts_every_layer_of_every_batch(tiny_model, samples):
    seen, rows = [], rendered_rows(tiny_model, samples)
    batches = [[i] for i in range(len(rows))]
    told = iter_screen(
        HookedEngine(tiny_model),
        rows,
        batches=batches,
        on_progress=lambda done, total, _: seen.append((done, total)),
    )
    assert len(list(told)) == len(rows)
    n_steps = len(rows) * tiny_model.n_layers
    assert seen == [(i, n_steps) for i in range(1, n_steps + 1)]


def moved_losses(model, rows, layer, shares):
    """Losses with head `h` of `layer` at `z + shares[h] (z~ - z)`, by plain hooked passes."""
    seen = {}

    def keep(values, hook):
        seen["v"] = values.reshape(*values.shape[:2], -1, model.hooked.cfg.d_head)

    def move(z, hook):
        split = z.reshape(*z.shape[:2], model.n_heads, -1)
        shared = seen["v"].repeat_interleave(model.n_heads // seen["v"].shape[2], dim=2)
        uniform = running_mean(shared, window=model.windows[layer])
        share = torch.tensor(shares, dtype=z.dtype)[:, None]
        return (split + share * (uniform - split)).reshape(z.shape)

    with hooks(
        model, [(values_hook(model.hooked, layer), keep), (outputs_hook(model.hooked, layer), move)]
    ):
        return sample_losses(HookedEngine(model), rows, batches=[range(len(rows))])


@pytest.mark.parametrize("name", EVERY)
def test_an_estimate_is_the_slope_of_the_loss_half_way(name, tiny, samples):
    model = tiny(name)
    rows = rendered_rows(model, samples[:3])
    estimates = estimates_of(model, rows)
    for layer, head in ((0, 1), (model.n_layers - 1, model.n_heads - 1)):
        up, down = np.full(model.n_heads, 0.5), np.full(model.n_heads, 0.5)
        up[head], down[head] = 0.51, 0.49
        slope = moved_losses(model, rows, layer, up) - moved_losses(model, rows, layer, down)
        slope /= 0.02
        np.testing.assert_allclose(estimates[:, layer, head], slope, atol=5e-3, rtol=2e-2)
    assert np.abs(estimates).max() > 0.05


def test_the_slope_averaged_over_the_whole_way_is_the_exact_delta_of_a_one_head_layer(
    tiny_model, samples
):
    """With the other heads left where they are the path from z to z~ integrates to the delta."""
    rows = rendered_rows(tiny_model, samples)
    (exact,) = iter_importance(HookedEngine(tiny_model), rows, batches=[range(len(rows))])
    clean = moved_losses(tiny_model, rows, 1, np.zeros(tiny_model.n_heads))
    whole = moved_losses(tiny_model, rows, 1, np.array([0.0, 0.0, 1.0, 0.0]))
    np.testing.assert_allclose(whole - clean, exact.deltas[:, 1, 2], atol=1e-5)


@pytest.mark.parametrize("name", ["gemma3", "olmo2", "phi3", "qwen2"])
def test_both_engines_estimate_alike_and_recomputed_blocks_change_nothing(
    name, tiny, samples, monkeypatch
):
    model = tiny(name)
    rows = rendered_rows(model, samples[:3])
    hooked = estimates_of(model, rows)
    for engine in (FusedEngine(model), HookedEngine(model)):
        (kept,) = iter_screen(engine, rows, batches=[range(3)])
        np.testing.assert_allclose(kept.deltas, hooked, atol=1e-5)
        with monkeypatch.context() as patch:
            patch.setattr("workbench.models.passes.MOST_KEPT", 0)
            (again,) = iter_screen(engine, rows, batches=[range(3)])
        np.testing.assert_array_equal(again.deltas, kept.deltas)


def test_batches_and_left_out_heads_change_no_estimate(tiny_model, samples):
    rows = rendered_rows(tiny_model, samples)
    together = estimates_of(tiny_model, rows)
    for i, row in enumerate(rows):
        np.testing.assert_allclose(estimates_of(tiny_model, [row])[0], together[i], atol=1e-5)
    few = estimates_of(tiny_model, rows, heads=[Head(2, 1), Head(0, 3)])
    np.testing.assert_allclose(few[:, 2, 1], together[:, 2, 1], atol=1e-6)
    assert np.isfinite(few).sum() == 2 * len(rows)


def test_the_estimate_leaves_no_trace(tiny_model, samples):
    rows = rendered_rows(tiny_model, samples)
    before = sample_losses(HookedEngine(tiny_model), rows, batches=[range(len(rows))])
    estimates_of(tiny_model, rows)
    assert np.array_equal(
        sample_losses(HookedEngine(tiny_model), rows, batches=[range(len(rows))]), before
    )
    assert all(p.grad is None for p in tiny_model.hooked.parameters())
    assert torch.is_grad_enabled()


def test_half_way_finds_the_costly_heads_of_the_bundled_model(bundled_model):
    from itertools import islice

    from workbench.data import read_samples

    rows = rendered_rows(bundled_model, list(islice(read_samples(["generated"]), 8)))
    batches = [range(len(rows))]
    (exact,) = iter_importance(HookedEngine(bundled_model), rows, batches=batches)
    (screen,) = iter_screen(HookedEngine(bundled_model), rows, batches=batches)
    truth, guess = exact.deltas.mean(0).ravel(), screen.deltas.mean(0).ravel()
    n_top = max(1, round(0.05 * len(truth)))
    shape = (bundled_model.n_layers, bundled_model.n_heads)
    nominated = nominate(guess.reshape(shape), least=2 * n_top)
    assert set(np.argsort(-truth)[:n_top].tolist()) <= set(nominated)
    assert len(nominated) <= len(truth) / 2


def test_the_best_quarter_of_all_heads_and_of_each_layer_are_nominated():
    guesses = np.array([[9.0, 8.0, 7.0, 6.0], [0.1, 0.3, 0.2, 0.0]])
    assert nominate(guesses, least=1) == [0, 1, 5]
    assert nominate(guesses, least=3) == [0, 1, 2, 5]
    assert nominate(guesses, least=99) == list(range(8))
