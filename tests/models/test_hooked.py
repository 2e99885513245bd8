"""HookedTransformer as a model: TransformerLens 3.x in `make test-tl3`, what it shares always."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
import torch
import transformer_lens
from transformers import AutoModelForCausalLM

from tests.support.checkpoints import byte_tokenizer
from tests.support.eager_reference import TOLERANCE, Reference, score_difference
from tests.support.two_libraries import (
    FIXTURE,
    FIXTURE_CFG,
    IMPORTANCE,
    HookedTransformer,
    importance,
    needs_hooked_transformer,
    stored_rows,
)
from tests.support.uniform_forms import FORMS, uniform_difference
from workbench.ablation import ablated_heads, decode_sets, iter_screen, set_effects, weakened_losses
from workbench.engines import HookedEngine, counted_mask, decode
from workbench.errors import InputError, ModelRefusedError
from workbench.models import (
    check_same_model,
    load_model,
    padded,
    render,
    weights_digest,
    wrap_model,
)
from workbench.models.hooked import state_digest
from workbench.types import Head


def hooked_transformer(**settings):
    """An own HookedTransformer; that its class is going away is known."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="HookedTransformer is deprecated")
        cfg = transformer_lens.HookedTransformerConfig(**settings)
        return HookedTransformer(cfg)


OWN = {
    "n_layers": 2,
    "d_model": 32,
    "d_head": 8,
    "n_heads": 4,
    "n_ctx": 40,
    "d_vocab": 100,
    "act_fn": "gelu",
    "seed": 0,
    "normalization_type": "LN",
}


def from_fixture(**changed):
    """The fixture's weights in a HookedTransformer, under a configuration changed on request."""
    from transformer_lens.pretrained.weight_conversions import convert_llama_weights

    hooked = hooked_transformer(**(FIXTURE_CFG | changed))
    weights = AutoModelForCausalLM.from_pretrained(FIXTURE)
    state = convert_llama_weights(weights, hooked.cfg)
    hooked.load_and_process_state_dict(
        state,
        fold_ln=False,
        center_writing_weights=False,
        center_unembed=False,
        fold_value_biases=False,
    )
    return hooked.requires_grad_(False)


def test_this_transformer_lens_measures_the_stored_importance():
    stored = json.loads(IMPORTANCE.read_text(encoding="utf-8"))
    base_loss, deltas = importance(load_model(str(FIXTURE), device="cpu"))
    np.testing.assert_allclose(base_loss, stored["base_loss"], atol=1e-4, rtol=0)
    np.testing.assert_allclose(deltas, stored["deltas"], atol=1e-4, rtol=0)
    assert stored["transformer_lens"].startswith("4.")
    assert np.abs(deltas).max() > 500 * 1e-4


@needs_hooked_transformer
def test_hooked_transformer_measures_the_importance_that_the_bridge_has_stored():
    model = wrap_model(from_fixture(), checkpoint=str(FIXTURE))
    stored = json.loads(IMPORTANCE.read_text(encoding="utf-8"))
    base_loss, deltas = importance(model)
    np.testing.assert_allclose(base_loss, stored["base_loss"], atol=1e-4, rtol=0)
    np.testing.assert_allclose(deltas, stored["deltas"], atol=1e-4, rtol=0)
    assert model.info.weights_sha256 == weights_digest(FIXTURE)
    check_same_model(load_model(str(FIXTURE), device="cpu", check=False).info, model.info)


@needs_hooked_transformer
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("padding", ["none", "right", "left"])
def test_hooked_transformer_agrees_with_eager_attention(form, padding):
    model = wrap_model(from_fixture(), tokenizer=byte_tokenizer())
    assert uniform_difference(model, Reference(FIXTURE), form, padding) < TOLERANCE


@needs_hooked_transformer
def test_hooked_transformer_scores_as_eager_attention_does():
    model = wrap_model(from_fixture(), checkpoint=str(FIXTURE))
    assert score_difference(HookedEngine(model), Reference(FIXTURE)) < TOLERANCE


def measured(model):
    """Every way in which the library asks a model what heads do."""
    rows, heads = stored_rows(), [Head(0, 1), Head(2, 3)]
    batches = [range(len(rows))]
    ids = padded([row.ids for row in rows], model.pad_id)
    counted = counted_mask(rows, "completion")
    (screened,) = iter_screen(HookedEngine(model), rows, batches=batches)
    weak = weakened_losses(HookedEngine(model), heads, ids, counted)
    return {
        "screen": screened.deltas,
        "sets": set_effects(
            HookedEngine(model), rows, [(), heads, heads[:1]], batches=batches
        ).loss,
        "weakened": weak.weak.numpy(),
        "decoded": decode_sets(
            HookedEngine(model), [[10, 20, 30], [99, 98]], [(), heads], max_new_tokens=6
        ),
    }


@needs_hooked_transformer
def test_hooked_transformer_is_asked_in_every_way_and_answers_as_the_bridge_does():
    model = wrap_model(from_fixture(), checkpoint=str(FIXTURE))
    found, expected = measured(model), measured(load_model(str(FIXTURE), device="cpu"))
    assert found.pop("decoded") == expected.pop("decoded")
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=1e-4, rtol=0, err_msg=name)


@needs_hooked_transformer
@pytest.mark.parametrize("heads", [(), (Head(0, 1), Head(2, 3))], ids=["clean", "ablated"])
def test_hooked_transformer_decodes_what_the_bridge_decodes(heads):
    prompts = [[10, 20, 30, 40, 50], [99, 98]]
    decoded = []
    for model in (
        wrap_model(from_fixture(), checkpoint=str(FIXTURE)),
        load_model(str(FIXTURE), device="cpu"),
    ):
        with ablated_heads(model, heads):
            decoded.append(decode(HookedEngine(model), prompts, max_new_tokens=8, stop_ids=()))
    assert decoded[0] == decoded[1]


@needs_hooked_transformer
@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"rotary_base": 1_000_000}, "rotary_base 1000000.0 and .* made with 10000.0"),
        ({"n_ctx": 2048}, "n_ctx 2048 and its checkpoint was made with 96"),
        ({"eps": 1e-5}, "eps 1e-05 and its checkpoint was made with 1e-06"),
        ({"act_fn": "gelu"}, "act_fn gelu and its checkpoint was made with silu"),
        (
            {"use_local_attn": True, "window_size": 7, "attn_types": ["local"] * 3},
            r"sliding windows \(7, 7, 7\)",
        ),
    ],
)
def test_weights_under_a_relatives_configuration_are_refused(changed, words):
    with pytest.raises(ModelRefusedError, match=words) as refused:
        wrap_model(from_fixture(**changed), checkpoint=str(FIXTURE))
    assert "expected the configuration that the weights were trained with" in str(refused.value)


@needs_hooked_transformer
def test_a_shorter_context_is_let_pass_and_kept_to():
    model = wrap_model(from_fixture(n_ctx=64), checkpoint=str(FIXTURE))
    assert model.n_ctx == 64


@needs_hooked_transformer
def test_a_network_of_ones_own_works_on_token_ids():
    model = wrap_model(hooked_transformer(**OWN))
    assert (model.n_layers, model.n_heads, model.n_ctx) == (2, 4, 40)
    assert model.tokenizer is None
    assert model.pad_id == 0
    assert model.info.id == "custom"
    assert model.facts["self_check"]["effect"] > 0


@needs_hooked_transformer
def test_windows_and_the_cap_of_a_network_of_ones_own_are_read():
    windowed = {"use_local_attn": True, "window_size": 5, "attn_types": ["local", "global"]}
    model = wrap_model(hooked_transformer(**OWN, **windowed, output_logits_soft_cap=3.0))
    assert model.windows == (5, None)
    assert model.logit_cap == 3.0
    assert model.facts["self_check"]["query_zeroed"] < 1e-5


@needs_hooked_transformer
def test_other_weights_have_another_hash():
    first, second = (hooked_transformer(**(OWN | {"seed": seed})) for seed in (0, 1))
    again = hooked_transformer(**OWN)
    assert state_digest(first.state_dict()) == state_digest(again.state_dict())
    assert state_digest(first.state_dict()) != state_digest(second.state_dict())


@needs_hooked_transformer
@pytest.mark.parametrize("name", ["gptj", "opt"])
def test_hooked_transformer_computes_attention_that_the_bridge_leaves_to_others(name, checkpoint):
    from transformer_lens import loading_from_pretrained as loading

    folder = str(checkpoint(name))
    weights = AutoModelForCausalLM.from_pretrained(folder)
    cfg = loading.get_pretrained_model_config(folder, hf_cfg=weights.config.to_dict(), device="cpu")
    cfg.tokenizer_name = None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="HookedTransformer is deprecated")
        hooked = HookedTransformer(cfg)
    state = loading.get_pretrained_state_dict(folder, cfg, weights)
    hooked.load_and_process_state_dict(state, fold_ln=False, center_unembed=False)
    assert wrap_model(hooked, checkpoint=folder).facts["self_check"]["query_zeroed"] < 1e-5


def test_a_bridge_passed_in_is_the_model_that_its_folder_gives(checkpoint, samples):
    loaded = load_model(str(checkpoint("gemma2")), device="cpu")
    model = wrap_model(loaded.hooked)
    assert (model.windows, model.logit_cap) == (loaded.windows, loaded.logit_cap)
    assert model.facts["self_check"] == loaded.facts["self_check"]
    for sample in samples:
        assert render(sample, model.tokenizer).ids == render(sample, loaded.tokenizer).ids


def test_a_bridge_is_held_against_its_checkpoint_as_well(checkpoint, tiny):
    hooked = tiny("llama").hooked
    assert wrap_model(hooked, checkpoint=str(checkpoint("llama"))).info == tiny("llama").info
    with pytest.raises(ModelRefusedError, match="runs with another configuration than its check"):
        wrap_model(hooked, checkpoint=str(checkpoint("mistral")))


def test_an_object_of_another_shape_is_refused():
    with pytest.raises(InputError, match="class Linear has no cfg, expected a HookedTransformer"):
        wrap_model(torch.nn.Linear(2, 2))


def test_the_fixture_is_small_and_holds_no_code():
    sizes = {path.name: path.stat().st_size for path in FIXTURE.iterdir()}
    assert sum(sizes.values()) < 300_000
    assert {name.rpartition(".")[2] for name in sizes} == {"json", "safetensors"}
