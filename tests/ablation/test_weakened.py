import numpy as np
import pytest
import torch

from tests.support.checkpoints import USABLE
from workbench.ablation import ablated_heads, weakened_losses
from workbench.engines import FusedEngine, HookedEngine, counted_mask
from workbench.errors import InputError
from workbench.models import capture, hooks, padded, render
from workbench.types import Head

SETS = [(Head(0, 1), Head(2, 3)), (Head(1, 0), Head(1, 2)), (Head(2, 0),)]


def batch_of(model, samples, part="completion"):
    rows = [render(sample, model.tokenizer) for sample in samples]
    return padded([row.ids for row in rows], model.pad_id), counted_mask(rows, part)


def independent_runs(model, heads, ids, counted):
    """Two whole passes, one with all heads uniform."""
    engine = HookedEngine(model)
    base = engine.outcomes(capture(model, ids).final, ids, counted)
    with ablated_heads(model, heads):
        weak = engine.outcomes(capture(model, ids).final, ids, counted)
    return base.losses, weak.losses


@pytest.mark.parametrize("name", USABLE)
def test_a_replayed_suffix_equals_two_independent_runs(name, tiny, samples):
    model = tiny(name)
    ids, counted = batch_of(model, samples[:3])
    for heads in SETS[:2]:
        base, weak = independent_runs(model, heads, ids, counted)
        losses = weakened_losses(HookedEngine(model), heads, ids, counted)
        np.testing.assert_allclose(losses.base, base, atol=1e-6, rtol=1e-6)
        np.testing.assert_allclose(losses.weak, weak, atol=1e-6, rtol=1e-6)
        assert float((weak - base).abs().max()) > 1e-2


def test_on_the_bundled_model_too(bundled_model, samples):
    ids, counted = batch_of(bundled_model, samples, part="all")
    heads = (Head(1, 3), Head(3, 0))
    expected = independent_runs(bundled_model, heads, ids, counted)
    losses = weakened_losses(HookedEngine(bundled_model), heads, ids, counted)
    for ours, plain in zip((losses.base, losses.weak), expected, strict=True):
        np.testing.assert_allclose(ours, plain, atol=1e-6, rtol=0)


def test_the_fused_engine_on_the_bundled_model_equals_two_independent_runs(bundled_model, samples):
    """SDPA sums in another order than eager attention: float32 rounds a loss by a few 1e-6."""
    ids, counted = batch_of(bundled_model, samples, part="all")
    heads = (Head(1, 3), Head(3, 0))
    expected = independent_runs(bundled_model, heads, ids, counted)
    losses = weakened_losses(FusedEngine(bundled_model), heads, ids, counted)
    for ours, plain in zip((losses.base, losses.weak), expected, strict=True):
        np.testing.assert_allclose(ours, plain, atol=5e-6, rtol=5e-6)
        means = (losses.double().sum(1) / counted.sum(1) for losses in (ours, plain))
        np.testing.assert_allclose(*means, atol=1e-6, rtol=1e-6)


def test_blocks_below_the_first_head_run_once_for_both(tiny_model, samples):
    seen = []

    def count(pattern, hook):
        seen.append((int(hook.name.split(".")[1]), len(pattern)))

    ids, counted = batch_of(tiny_model, samples)
    names = [f"blocks.{layer}.attn.hook_pattern" for layer in range(3)]
    with hooks(tiny_model, [(name, count) for name in names]):
        weakened_losses(HookedEngine(tiny_model), SETS[2], ids, counted)
    rows = [sum(n for layer, n in seen if layer == wanted) for wanted in range(3)]
    assert rows == [6, 6, 12]


def test_the_model_is_itself_again_and_a_single_row_needs_no_batch(tiny_model, samples):
    ids, counted = batch_of(tiny_model, samples)
    before = capture(tiny_model, ids).final
    both = weakened_losses(HookedEngine(tiny_model), SETS[0], ids, counted)
    alone = weakened_losses(HookedEngine(tiny_model), SETS[0], ids[1:2], counted[1:2])
    np.testing.assert_allclose(alone.weak[0], both.weak[1], atol=1e-5)
    assert torch.equal(capture(tiny_model, ids).final, before)


def test_no_heads_are_refused(tiny_model, samples):
    with pytest.raises(InputError, match="the weakened reference has no heads; pass a circuit"):
        weakened_losses(HookedEngine(tiny_model), (), *batch_of(tiny_model, samples))
