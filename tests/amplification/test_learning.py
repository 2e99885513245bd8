"""The mask against a plain optimisation written here, and what an interruption leaves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from workbench.amplification import Example, MaskOptions, has_normalised_queries, learn_mask
from workbench.amplification.lastpass import Prefixes, cache_prefixes, last_token_logits
from workbench.amplification.mask import mask_hooks, model_shape

EXAMPLES = [
    Example((7, 30, 41, 99, 100), desired=44, undesired=61),
    Example((12, 13), desired=50, undesired=51),
    Example((90, 91, 92, 93, 94, 95, 96, 97), desired=33, undesired=120),
    Example((200, 150, 100), desired=8, undesired=9),
    Example((40, 40, 41), desired=70, undesired=201),
]
N_LAYERS, N_HEADS, N_KV, D_HEAD, D_MLP = 3, 4, 2, 8, 48


def plain_logits(network, prefix, masks):
    """One row, whole, with `2 m` on the outputs at the last token, by hooks on plain modules."""
    handles = []

    def scaled(output, mask):
        wide = (2 * mask).repeat_interleave(output.shape[-1] // len(mask))
        return torch.cat([output[:, :-1], output[:, -1:] * wide], dim=1)

    for layer, block in enumerate(network.model.layers):
        for kind, part in (("query", "q_proj"), ("key", "k_proj"), ("value", "v_proj")):
            mask = masks[kind][layer]
            projection = getattr(block.self_attn, part)
            handles.append(
                projection.register_forward_hook(lambda _m, _a, out, mask=mask: scaled(out, mask))
            )
        mask = masks["neuron"][layer]
        handles.append(
            block.mlp.down_proj.register_forward_pre_hook(
                lambda _m, args, mask=mask: (scaled(args[0], mask),)
            )
        )
    try:
        return network(torch.tensor([prefix])).logits[0, -1]
    finally:
        for handle in handles:
            handle.remove()


def ones():
    sizes = {"query": N_HEADS, "key": N_KV, "value": N_KV, "neuron": D_MLP}
    return {k: torch.ones(N_LAYERS, n, requires_grad=True) for k, n in sizes.items()}


def plain_optimisation(network, examples, *, l1, lr, decay, decay_every, epochs, batch_size, seed):
    """The paper's loop with Adam written out."""
    masks = ones()
    moments = {kind: (torch.zeros_like(m), torch.zeros_like(m)) for kind, m in masks.items()}
    n_steps = 0
    for epoch in range(epochs):
        order = np.random.default_rng([seed, epoch]).permutation(len(examples)).tolist()
        rate = lr * decay ** (epoch // decay_every)
        for start in range(0, len(order), batch_size):
            batch = [examples[i] for i in order[start : start + batch_size]]
            gain = 0.0
            for example in batch:
                logits = plain_logits(network, example.prefix, masks)
                gain = gain + (logits[example.desired] - logits[example.undesired]) / len(batch)
            price = l1 * sum(mask.sum() for mask in masks.values())
            (price - gain).backward()
            n_steps += 1
            with torch.no_grad():
                for kind, mask in masks.items():
                    first, second = moments[kind]
                    first.mul_(0.9).add_(0.1 * mask.grad)
                    second.mul_(0.999).add_(0.001 * mask.grad**2)
                    step = first / (1 - 0.9**n_steps)
                    size = (second / (1 - 0.999**n_steps)).sqrt() + 1e-8
                    mask -= rate * step / size
                    mask.clamp_(0, 1)
                    mask.grad = None
    return {kind: mask.detach().numpy() for kind, mask in masks.items()}


@pytest.fixture(scope="module")
def plain_network_of(checkpoint):
    network = AutoModelForCausalLM.from_pretrained(checkpoint("llama")).eval()
    return network.requires_grad_(False)


def test_the_mask_is_that_of_a_plain_optimisation(tiny_model, plain_network_of):
    asked: dict = {"l1": 0.02, "lr": 0.05, "decay": 0.5, "decay_every": 2, "epochs": 5}
    asked |= {"batch_size": 2, "seed": 3}
    found = learn_mask(tiny_model, EXAMPLES, MaskOptions(**asked))
    expected = plain_optimisation(plain_network_of, EXAMPLES, **asked)
    assert {kind: value.shape for kind, value in found.values.items()} == {
        kind: value.shape for kind, value in expected.items()
    }
    for kind, value in expected.items():
        assert np.ptp(value) > 0.05
        np.testing.assert_allclose(found.values[kind], value, atol=2e-3)
    kept = {kind: (value > 0.5).sum() for kind, value in expected.items()}
    assert found.kept.counts() == kept


def test_key_and_value_heads_are_shared_and_counted_once(tiny_model, plain_network_of):
    """Grouped-query attention: 4 query heads read 2 key and 2 value heads."""
    shape = model_shape(tiny_model)
    assert (shape.n_heads, shape.n_key_value_heads) == (N_HEADS, N_KV)
    rows = [example.prefix for example in EXAMPLES]
    prefixes = cache_prefixes(tiny_model, rows)
    for kind in ("key", "value"):
        masks = {k: m.detach() for k, m in ones().items()}
        masks[kind][1, 1] = 0.0
        found = last_token_logits(tiny_model, prefixes, range(len(rows)), mask_hooks(shape, masks))
        for row, logits in zip(rows, found, strict=True):
            expected = plain_logits(plain_network_of, row, masks)
            torch.testing.assert_close(logits, expected, atol=2e-3, rtol=1e-3)


def test_half_is_no_change_and_the_cache_changes_nothing(tiny_model):
    rows = [example.prefix for example in EXAMPLES]
    cached = cache_prefixes(tiny_model, rows)
    assert cached.layers is not None
    whole = Prefixes(cached.rows, None)
    halves = {kind: 0.5 * mask.detach() for kind, mask in ones().items()}
    hooks_at = mask_hooks(model_shape(tiny_model), halves)
    clean = last_token_logits(tiny_model, whole, range(len(rows)))
    for prefixes in (whole, cached):
        found = last_token_logits(tiny_model, prefixes, range(len(rows)), hooks_at)
        torch.testing.assert_close(found, clean, atol=1e-3, rtol=1e-4)


class StoppedError(Exception):
    """Someone pulled the plug."""


def test_an_interrupted_mask_goes_on_to_the_same_values(tiny_model, tmp_path):
    options = MaskOptions(l1=0.02, lr=0.05, epochs=5, batch_size=2)
    fresh = learn_mask(tiny_model, EXAMPLES, options)
    path, epochs = tmp_path / "checkpoint.safetensors", []

    def until_the_third(_done, _total, text):
        if text.startswith("epoch"):
            epochs.append(text)
            if len(epochs) == 3:
                raise StoppedError

    with pytest.raises(StoppedError):
        learn_mask(tiny_model, EXAMPLES, options, checkpoint=path, on_progress=until_the_third)
    seen = []
    resumed = learn_mask(
        tiny_model,
        EXAMPLES,
        options,
        checkpoint=path,
        on_progress=lambda _done, _total, text: seen.append(text),
    )
    assert [text.split(",")[0] for text in seen if text[:5] == "epoch"] == ["epoch 4", "epoch 5"]
    assert resumed.curve == fresh.curve
    assert resumed.before == fresh.before
    for kind, value in fresh.values.items():
        np.testing.assert_array_equal(resumed.values[kind], value)


def test_it_stops_once_nothing_moves(tiny_model):
    # A decay this steep leaves nothing to move after the first epochs.
    options = MaskOptions(lr=0.05, decay=1e-6, decay_every=1, epochs=20, patience=2)
    found = learn_mask(tiny_model, EXAMPLES, options)
    assert found.stopped == "settled after 3 epochs"
    assert [point["changed"] for point in found.curve[1:]] == [0, 0]


def test_models_that_normalise_queries_are_known(tiny):
    assert has_normalised_queries(tiny("qwen3"))
    assert not has_normalised_queries(tiny("llama"))
