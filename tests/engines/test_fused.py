"""The fused engine against the hooked one, and what it does not do."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from tests.support.checkpoints import USABLE
from workbench.ablation import weakened_losses
from workbench.engines import (
    FusedEngine,
    HookedEngine,
    attention_received,
    choose_engine,
    columns,
    counted_mask,
    received_by_keys,
    sample_losses,
)
from workbench.engines.fused import _sdpa
from workbench.models import padded, render, uniform_pattern
from workbench.scoring import score_batch
from workbench.types import Head

HEADS = (Head(0, 3), Head(1, 0), Head(1, 2))
FUSED = [name for name in (*USABLE, "neox", "gemma3", "olmo2", "phi3") if name != "gemma2"]


@pytest.fixture(scope="module")
def fused(tiny):
    return FusedEngine(tiny("llama"))


def batch_of(engine, samples):
    rows = [render(sample, engine.model.tokenizer) for sample in samples]
    return rows, padded([row.ids for row in rows], 0), counted_mask(rows, "completion")


def random_attention(n_pos: int, *, seed: int = 0, scale: float = 1.0):
    generator = torch.Generator().manual_seed(seed)
    query, key = torch.randn(2, 2, 3, n_pos, 8, generator=generator) * scale
    return query, key


def whole_pattern(query, key, window):
    visible = uniform_pattern(query.shape[2], window=window) > 0
    return (query @ key.mT * 0.5).masked_fill(~visible, -torch.inf).softmax(dim=-1)


@pytest.mark.parametrize("window", [None, 5, 64])
@pytest.mark.parametrize("block", [1, 7, 16, 1000])
def test_column_means_block_by_block_are_those_of_the_whole_pattern(block, window):
    query, key = random_attention(37)
    spans = torch.tensor([[(0, 37), (0, 20)], [(4, 37), (1, 20)], [(36, 37), (19, 20)]])
    means = received_by_keys(query, key, spans, scaling=0.5, window=window, block=block)
    pattern = whole_pattern(query, key, window)
    for found, span in zip(means, spans, strict=True):
        expected = attention_received(pattern, span[:, 0], span[:, 1])
        torch.testing.assert_close(found, expected, atol=1e-7, rtol=0)


@pytest.mark.parametrize("together", [1, 2, 3])
def test_heads_that_take_turns_have_the_same_column_means(monkeypatch, together):
    monkeypatch.setattr(columns, "SMALLEST_BLOCK", 4)
    monkeypatch.setattr(columns, "BLOCK_CPU", 2 * 37 * 4 * together)
    query, key = random_attention(37)
    assert columns._block(query) == (together, 4)
    spans = torch.tensor([[(0, 37), (0, 20)], [(4, 37), (1, 20)]])
    means = received_by_keys(query, key, spans, scaling=0.5)
    expected = received_by_keys(query, key, spans, scaling=0.5, block=37)
    torch.testing.assert_close(means, expected, atol=1e-7, rtol=0)


def test_half_precision_is_rounded_nowhere_on_a_cpu():
    query, key = (part.bfloat16() for part in random_attention(37))
    spans = torch.tensor([[(0, 37), (0, 20)]])
    means = received_by_keys(query, key, spans, scaling=0.5)
    expected = received_by_keys(query.float(), key.float(), spans, scaling=0.5)
    torch.testing.assert_close(means, expected, atol=0, rtol=0)


def test_a_row_with_nothing_left_in_its_span_counts_as_uniform():
    query, key = random_attention(12, scale=40.0)
    key[:, :, 0] = 300 * query.mean(dim=2)
    query[:] = query.mean(dim=2, keepdim=True)
    spans = torch.tensor([[(1, 12), (1, 9)]])
    pattern = whole_pattern(query, key, None)
    assert float(pattern[:, :, 1:, 1:].sum()) == 0.0
    means = received_by_keys(query, key, spans, scaling=0.5, block=5)[0]
    expected = attention_received(pattern, spans[0, :, 0], spans[0, :, 1])
    torch.testing.assert_close(means, expected, atol=1e-7, rtol=0)
    torch.testing.assert_close(means.sum(dim=-1), torch.ones(2, 3, dtype=torch.float64))


class Largest(TorchDispatchMode):
    """The largest tensor that any operation makes."""

    def __init__(self):
        super().__init__()
        self.numel = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, tuple | list) else [out]:
            if torch.is_tensor(tensor):
                self.numel = max(self.numel, tensor.numel())
        return out


def test_no_pattern_of_all_queries_and_keys_is_ever_held():
    largest = []
    for n_pos in (512, 1024):
        query = torch.randn(1, 1, n_pos, 8)
        spans = torch.tensor([[(0, n_pos)]])
        with Largest() as seen:
            received_by_keys(query, query, spans, scaling=0.3, block=16)
        largest.append(seen.numel)
    assert largest == [16 * 512, 16 * 1024]


@pytest.mark.parametrize("window", [3, 300, 700])
def test_a_sliding_window_block_by_block_is_attention_under_the_whole_mask(window):
    generator = torch.Generator().manual_seed(0)
    query = torch.randn(2, 4, 640, 8, generator=generator)
    key, value = torch.randn(2, 2, 2, 640, 8, generator=generator)
    module = SimpleNamespace(num_key_value_groups=2, is_causal=True)
    with Largest() as seen:
        found = _sdpa(module, (query, key, value), window, scaling=0.3)
    visible = uniform_pattern(640, window=window) > 0
    shared = [states.repeat_interleave(2, dim=1) for states in (key, value)]
    expected = torch.nn.functional.scaled_dot_product_attention(
        query, *shared, attn_mask=visible, scale=0.3
    )
    torch.testing.assert_close(found, expected.transpose(1, 2), atol=1e-5, rtol=0)
    assert seen.numel < 640**2


@pytest.mark.parametrize("name", FUSED)
def test_both_engines_give_the_same_scores_and_losses(name, tiny, samples):
    hooked, fused = HookedEngine(tiny(name)), choose_engine(tiny(name), "fused")
    assert fused.facts["engine"]["name"] == fused.name == "fused"
    rows, ids, counted = batch_of(hooked, [s for s in samples if len(s.completion) > 2])
    for part in ("prompt", "completion", "all"):
        expected = score_batch(hooked, HEADS, rows, part=part)
        for one, other in zip(score_batch(fused, HEADS, rows, part=part), expected, strict=True):
            assert one == pytest.approx(other, abs=2e-6)
    batches = [list(range(len(rows)))]
    one, other = (sample_losses(e, rows, batches=batches) for e in (hooked, fused))
    assert one == pytest.approx(other, abs=2e-5)
    expected, found = (weakened_losses(e, HEADS, ids, counted) for e in (hooked, fused))
    torch.testing.assert_close(found.base, expected.base, atol=2e-5, rtol=0)
    torch.testing.assert_close(found.weak, expected.weak, atol=2e-5, rtol=0)
    assert float((found.weak - found.base).abs().max()) > 1e-3


@pytest.mark.parametrize("name", ["llama", "gpt2", "olmo2"])
def test_no_weight_exists_twice(name, tiny):
    model = tiny(name)
    held = {p.untyped_storage().data_ptr() for p in model.hooked.original_model.parameters()}
    assert {p.untyped_storage().data_ptr() for p in model.plain.parameters()} <= held


def calls_of(engine):
    """On how many rows each layer of the shared network runs, and how many are unembedded."""
    calls = {"layers": [[] for _ in range(engine.model.n_layers)], "unembedded": 0}

    def count(number):
        def note(_module, args, kwargs):
            residual = args[0] if args else kwargs["hidden_states"]
            calls["layers"][number].append(len(residual))

        return note

    def unembedded(_module, args):
        calls["unembedded"] += len(args[0])

    layers = engine.network.base_model.layers
    handles = [
        layer.self_attn.register_forward_pre_hook(count(i), with_kwargs=True)
        for i, layer in enumerate(layers)
    ]
    handles.append(engine.network.lm_head.register_forward_pre_hook(unembedded))
    return calls, handles


def test_layers_below_the_first_uniform_head_run_once_and_only_counted_tokens_have_logits(
    fused, samples
):
    _, ids, counted = batch_of(fused, samples)
    calls, handles = calls_of(fused)
    try:
        weakened_losses(fused, [Head(1, 0), Head(2, 3)], ids, counted)
    finally:
        for handle in handles:
            handle.remove()
    n = len(ids)
    assert calls["layers"] == [[n], [n, n], [n, n]]
    assert calls["unembedded"] == 2 * int(counted.sum())


def test_no_layer_above_the_last_head_that_is_read_runs(fused, samples):
    rows, _, _ = batch_of(fused, samples)
    calls, handles = calls_of(fused)
    try:
        score_batch(fused, [Head(0, 1), Head(1, 2)], rows)
    finally:
        for handle in handles:
            handle.remove()
    assert calls == {"layers": [[len(rows)], [len(rows)], []], "unembedded": 0}


def test_scores_do_not_depend_on_the_rest_of_the_batch(fused, samples):
    rows, ids, counted = batch_of(fused, samples)
    together = score_batch(fused, HEADS, rows, part="all")
    losses = weakened_losses(fused, HEADS, ids, counted)
    for i, row in enumerate(rows):
        (alone,) = score_batch(fused, HEADS, [row], part="all")
        assert alone == pytest.approx(together[i], abs=1e-6)
        n_pos = len(row.ids)
        one = weakened_losses(fused, HEADS, ids[i : i + 1, :n_pos], counted[i : i + 1, :n_pos])
        torch.testing.assert_close(one.weak[0], losses.weak[i, :n_pos], atol=5e-6, rtol=0)


def test_the_hooked_model_keeps_its_bits(tiny_model, samples):
    fused = FusedEngine(tiny_model)
    _, ids, counted = batch_of(fused, samples)
    with torch.no_grad():
        before = tiny_model.hooked(ids, return_type="logits")
        weakened_losses(fused, HEADS, ids, counted)
        assert torch.equal(tiny_model.hooked(ids, return_type="logits"), before)


def test_logits_come_in_chunks_of_counted_tokens(tiny, monkeypatch):
    """A vocabulary of 150,000 words times a long text must never be in memory at once."""
    engine = FusedEngine(tiny("llama"))
    ids = torch.randint(4, 260, (3, 20), generator=torch.Generator().manual_seed(2))
    counted = torch.zeros(ids.shape, dtype=torch.bool)
    counted[:, 8:] = True
    heads, rows = [Head(1, 1)], []
    whole = weakened_losses(engine, heads, ids, counted)
    most = 5 * engine.model.hooked.cfg.d_vocab
    monkeypatch.setattr("workbench.engines.outcomes.MAX_LOGITS", most)
    handle = engine.unembed.register_forward_hook(lambda _m, _a, logits: rows.append(len(logits)))
    try:
        chunked = weakened_losses(engine, heads, ids, counted)
    finally:
        handle.remove()
    torch.testing.assert_close(whole.base, chunked.base)
    torch.testing.assert_close(whole.weak, chunked.weak)
    assert max(rows) == 5
    assert sum(rows) == 2 * int(counted.sum())
