"""On a graphics card: every number is the CPU's; memory, precision and placement as promised.

    make test-gpu
    WORKBENCH_CARD=cpu make test-gpu    # the same tests without a card, to see that they run

Where there is no card they are skipped. `WORKBENCH_CARD` names another device than `cuda`.
"""

from __future__ import annotations

import os
from itertools import islice

import numpy as np
import pytest
import torch

from tests.support.several_devices import HEADS, measured
from tests.support.two_libraries import stored_rows
from workbench.ablation import iter_importance, set_effects
from workbench.data import read_samples
from workbench.engines import FusedEngine, HookedEngine, choose_engine, sample_losses
from workbench.models import load_model, render

CARD = os.environ.get("WORKBENCH_CARD", "cuda")
ON_CPU = CARD == "cpu"
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not (ON_CPU or torch.cuda.is_available()), reason="no GPU here"),
]
needs_card = pytest.mark.skipif(ON_CPU, reason="needs a card's own memory")
NAMES = ("llama", "qwen2", "qwen3", "gpt2", "gemma2", "mistral", "phi3")
TOKENS = ("decoded", "sampled")


@pytest.fixture(scope="module")
def small_rows(bundled_model):
    return [render(s, bundled_model.tokenizer) for s in islice(read_samples(["gsm8k"]), 12)]


def importance(engine, rows) -> np.ndarray:
    """Deltas, mean over the rows, `[layer head]`."""
    (found,) = iter_importance(engine, rows, batches=[range(len(rows))])
    return found.deltas.mean(axis=0)


def assert_measures_alike(model, on_cpu) -> None:
    """Every measure of two copies of a model: the same tokens, and numbers within 1e-4."""
    expected = measured(on_cpu, gradients=True)
    for what, found in measured(model, gradients=True).items():
        if what in TOKENS:
            assert found == expected[what], what
        else:
            np.testing.assert_allclose(found, expected[what], atol=1e-4, rtol=0, err_msg=what)


@pytest.mark.parametrize("name", NAMES)
def test_every_measure_is_that_of_the_cpu(name, checkpoint, tiny):
    """Sampling draws from the logits by numbers of the CPU: the same tokens on every device."""
    model = load_model(str(checkpoint(name)), device=CARD)
    assert_measures_alike(model, tiny(name))


@pytest.mark.parametrize("name", NAMES)
def test_the_engines_agree_on_the_card(name, checkpoint):
    """Gemma-2 caps its attention scores, which only the hooked engine can."""
    model = load_model(str(checkpoint(name)), device=CARD)
    assert choose_engine(model).name == ("hooked" if name == "gemma2" else "fused")
    if name == "gemma2":
        return
    rows, batches = stored_rows(), [range(len(stored_rows()))]
    hooked, fused = HookedEngine(model), FusedEngine(model)
    np.testing.assert_allclose(importance(fused, rows), importance(hooked, rows), atol=1e-4)
    sets = [(), HEADS]
    losses = [set_effects(e, rows, sets, batches=batches).loss for e in (hooked, fused)]
    np.testing.assert_allclose(losses[0], losses[1], atol=1e-4)


def test_bfloat16_puts_the_same_heads_first(bundled_model, small_rows):
    """The bundled model: the top 5 % of its heads, and a rank correlation of 0.9 over all."""
    half = load_model("math-tiny", device=CARD, dtype="bfloat16")
    engine = choose_engine(half)
    assert engine.name == "fused"
    expected = importance(HookedEngine(bundled_model), small_rows).ravel()
    found = importance(engine, small_rows).ravel()
    n_top = max(1, round(0.05 * len(found)))
    assert set(np.argsort(found)[-n_top:]) == set(np.argsort(expected)[-n_top:])
    ranks = [values.argsort().argsort() for values in (found, expected)]
    assert np.corrcoef(*ranks)[0, 1] > 0.9


def test_the_same_numbers_come_twice(small_rows):
    model = load_model("math-tiny", device=CARD)
    one, other = (importance(choose_engine(model), small_rows) for _ in range(2))
    assert one.tolist() == other.tolist()


@needs_card
def test_a_batch_that_does_not_fit_is_halved_and_its_numbers_are_the_same(small_rows):
    model = load_model("math-tiny", device=CARD)
    rows = small_rows * 40
    whole = [range(len(rows))]
    plenty = FusedEngine(model)
    expected = sample_losses(plenty, rows, batches=whole)
    assert not plenty.memory.halvings
    torch.cuda.empty_cache()
    most = torch.cuda.get_device_properties(0).total_memory
    peak = torch.cuda.max_memory_allocated()
    held = torch.cuda.memory_allocated()
    scarce = FusedEngine(model)
    try:
        torch.cuda.set_per_process_memory_fraction((held + (peak - held) * 0.6) / most)
        found = sample_losses(scarce, rows, batches=whole)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert scarce.memory.halvings, "the limit was too high to be met"
    assert "out of memory" in scarce.memory.halvings[0]["reason"]
    np.testing.assert_allclose(found, expected, atol=1e-5)


@needs_card
@pytest.mark.parametrize("name", ["llama", "qwen3"])
def test_layers_on_the_card_and_on_the_cpu_measure_the_same(name, checkpoint, tiny):
    parts = {"model.embed_tokens": CARD, "model.rotary_emb": CARD, "model.norm": "cpu"}
    layers = {f"model.layers.{i}": CARD if i % 2 else "cpu" for i in range(tiny(name).n_layers)}
    model = load_model(str(checkpoint(name)), device_map={**parts, **layers, "lm_head": CARD})
    assert_measures_alike(model, tiny(name))
