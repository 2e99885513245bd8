import contextlib
import dataclasses

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.support.checkpoints import USABLE
from workbench.ablation import ablated_heads
from workbench.errors import InputError, ModelRefusedError
from workbench.models import hooks, pattern_hook, running_mean, self_check, uniform_pattern
from workbench.models.selfcheck import check_wrapped, plain_pass
from workbench.types import Head

N_POS = 20  # longer than the tiny models' sliding window of 7
HEADS = (Head(0, 1), Head(1, 3), Head(2, 0))


def token_ids():
    return torch.randint(4, 260, (2, N_POS), generator=torch.Generator().manual_seed(1))


def logits_of(model, ids):
    with torch.no_grad():
        return model.hooked(ids, return_type="logits", use_cache=False)


def with_hook(model, ids, name, hook):
    with hooks(model, [(name, hook)]):
        return logits_of(model, ids)


@pytest.mark.parametrize("name", USABLE)
def test_the_self_check_finds_zero_queries_and_uniform_attention_alike(name, tiny):
    report = self_check(tiny(name))
    assert report["effect"] > 1e-3
    assert report["query_zeroed"] < 1e-5
    assert report["replay"] < 1e-5
    assert report["row_sum"] < 1e-5


@pytest.mark.parametrize("name", USABLE)
@pytest.mark.parametrize("head", HEADS)
def test_scores_scaled_to_nothing_are_uniform_attention(name, head, tiny):
    model, ids = tiny(name), token_ids()

    def shrink(scores, hook):
        scores = scores.clone()
        visible = scores[:, head.head] > -1e9  # masked scores are far below any real one
        scores[:, head.head] = torch.where(
            visible, scores[:, head.head] * 1e-10, scores[:, head.head]
        )
        return scores

    with ablated_heads(model, [head]):
        expected = logits_of(model, ids)
    shrunk = with_hook(model, ids, f"blocks.{head.layer}.attn.hook_attn_scores", shrink)
    assert not torch.allclose(expected, logits_of(model, ids), atol=1e-4)
    torch.testing.assert_close(shrunk, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", USABLE)
@pytest.mark.parametrize("head", HEADS)
def test_the_running_mean_of_the_values_is_uniform_attention(name, head, tiny):
    model, ids = tiny(name), token_ids()
    layer, window = head.layer, model.windows[head.layer]
    seen = {}

    def keep_values(values, hook):
        d_head = values.shape[-1] if values.ndim == 4 else 8
        split = values.reshape(*ids.shape, -1, d_head)
        seen["values"] = split.repeat_interleave(model.n_heads // split.shape[2], dim=2)

    def replace_output(z, hook):
        z = z.clone().reshape(*ids.shape, model.n_heads, -1)
        z[:, :, head.head] = running_mean(seen["values"], window=window)[:, :, head.head]
        return z.flatten(2)

    with hooks(
        model,
        [
            (f"blocks.{layer}.attn.v.hook_out", keep_values),
            (f"blocks.{layer}.attn.o.hook_in", replace_output),
        ],
    ):
        from_values = logits_of(model, ids)
    with ablated_heads(model, [head]):
        expected = logits_of(model, ids)
    torch.testing.assert_close(from_values, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", USABLE)
def test_inside_the_block_the_heads_are_uniform_and_the_others_are_not(name, tiny):
    model, ids, seen = tiny(name), token_ids(), []
    with (
        ablated_heads(model, [Head(1, 2)]),
        hooks(model, [(pattern_hook(1), lambda pattern, hook: seen.append(pattern))]),
    ):
        logits_of(model, ids)
    expected = uniform_pattern(N_POS, window=model.windows[1]).expand(2, -1, -1)
    torch.testing.assert_close(seen[0][:, 2], expected)
    others = seen[0][:, [0, 1, 3]]
    assert not torch.isclose(others, expected[:, None], atol=1e-6).all(dim=(0, 2, 3)).any()


@pytest.mark.parametrize("name", USABLE)
@pytest.mark.parametrize("fails", [False, True])
def test_after_the_block_the_model_is_bit_identical(name, fails, tiny):
    model, ids = tiny(name), token_ids()
    clean = logits_of(model, ids)
    weights = {key: value.clone() for key, value in model.hooked.state_dict().items()}
    with contextlib.suppress(ZeroDivisionError), ablated_heads(model, HEADS):
        assert not torch.equal(logits_of(model, ids), clean)
        if fails:
            raise ZeroDivisionError
    assert torch.equal(logits_of(model, ids), clean)
    now = model.hooked.state_dict()
    assert all(torch.equal(now[key], value) for key, value in weights.items())


def test_blocks_nest_and_the_outer_one_lasts(tiny_model):
    ids = token_ids()
    with ablated_heads(tiny_model, HEADS[:2]):
        both = logits_of(tiny_model, ids)
    with ablated_heads(tiny_model, HEADS[:1]):
        outer = logits_of(tiny_model, ids)
        with ablated_heads(tiny_model, HEADS[1:2]):
            assert torch.equal(logits_of(tiny_model, ids), both)
        assert torch.equal(logits_of(tiny_model, ids), outer)


@pytest.mark.parametrize("head", [Head(3, 0), Head(0, 4), Head(-1, 0)])
def test_a_head_that_the_model_lacks_is_named(head, tiny_model):
    with (
        pytest.raises(InputError, match=rf"has no head L{head.layer}H{head.head}, .*layer 0 to 2"),
        ablated_heads(tiny_model, [head]),
    ):
        pass


def test_a_wrong_sliding_window_does_not_pass_the_check(tiny):
    wrong = dataclasses.replace(tiny("mistral"), windows=(None, None, None))
    with pytest.raises(ModelRefusedError, match="differs from the head with zero queries"):
        self_check(wrong)


def test_a_forgotten_logit_cap_does_not_pass_the_check(tiny):
    model = tiny("gemma2")
    wrong = dataclasses.replace(model, logit_cap=0.05)
    with pytest.raises(ModelRefusedError, match="replaying its blocks differs from a full run"):
        self_check(wrong)


def test_a_wrapped_network_that_computes_other_logits_is_refused(checkpoint, tiny):
    network = AutoModelForCausalLM.from_pretrained(checkpoint("llama")).eval()
    plain = plain_pass(network)
    assert check_wrapped(tiny("llama"), plain) < 1e-5
    with torch.no_grad():
        network.get_parameter("model.layers.1.self_attn.q_proj.weight").neg_()
    with pytest.raises(ModelRefusedError, match="computes other logits than `transformers` does"):
        check_wrapped(tiny("llama"), plain_pass(network))
