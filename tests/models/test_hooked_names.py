"""Models by the names that TransformerLens knows, from a hub, as a HookedTransformer."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.support.checkpoints import byte_tokenizer, write_checkpoint
from tests.support.hub import COMMIT, Repository, point_at, serving
from tests.support.two_libraries import HookedTransformer, importance, needs_hooked_transformer
from workbench.errors import InputError, ModelRefusedError
from workbench.models import load_hooked, load_model, weights_digest, wrap_model


@pytest.fixture
def published(tmp_path):
    """A folder as the hub publishes GPT-2."""
    folder = write_checkpoint("gpt2", tmp_path / "weights", chat=False)
    config = json.loads((folder / "config.json").read_text())
    # TransformerLens asks for it, and the published checkpoint has it.
    (folder / "config.json").write_text(json.dumps({**config, "n_ctx": 96}))
    return folder


@needs_hooked_transformer
@pytest.mark.parametrize("name", ["gpt2", "gpt2-small"])
def test_an_official_name_is_loaded_and_compared(name, published, tmp_path, monkeypatch):
    with serving({"gpt2": Repository(published)}) as hub:
        point_at(hub.url, tmp_path / "cache", monkeypatch)
        model = load_hooked(name, device="cpu")
        assert type(model.hooked) is HookedTransformer
        assert model.info.revision == COMMIT
        assert model.info.weights_sha256 == weights_digest(published)
        # No BOS is added, though TransformerLens' own tokenizer would.
        assert model.facts["added_tokens"] == []
        assert hub.asked
    plain = AutoModelForCausalLM.from_pretrained(published)
    ids = torch.randint(4, 260, (2, 20))
    with torch.no_grad():
        logits = model.hooked(ids, **model.pass_options)
        torch.testing.assert_close(logits, plain(ids).logits, atol=1e-4, rtol=0)


@needs_hooked_transformer
def test_an_official_name_with_another_configuration_is_refused(published, tmp_path, monkeypatch):
    """As where TransformerLens keeps a configuration by name that the checkpoint does not have."""
    from transformer_lens import loading_from_pretrained as loading

    real = loading.get_pretrained_model_config

    def other(*args, **kwargs):
        cfg = real(*args, **kwargs)
        cfg.eps = 0.01
        return cfg

    monkeypatch.setattr(loading, "get_pretrained_model_config", other)
    with serving({"gpt2": Repository(published)}) as hub:
        point_at(hub.url, tmp_path / "cache", monkeypatch)
        with pytest.raises(ModelRefusedError, match=r"runs with eps 0\.01 and its checkpoint"):
            load_hooked("gpt2", device="cpu")


@needs_hooked_transformer
def test_folded_and_centred_weights_have_the_same_importance(published, tmp_path, monkeypatch):
    """`from_pretrained` folds norms and value biases into other weights and centres the rest."""
    with serving({"gpt2": Repository(published)}) as hub, warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="HookedTransformer")
        point_at(hub.url, tmp_path / "cache", monkeypatch)
        weights = AutoModelForCausalLM.from_pretrained(published)
        options = {"hf_model": weights, "tokenizer": byte_tokenizer(), "device": "cpu"}
        hooked = HookedTransformer.from_pretrained("gpt2", **options)
    assert hooked.cfg.normalization_type == "LNPre"
    base_loss, deltas = importance(wrap_model(hooked, checkpoint=str(published)))
    plain_loss, plain_deltas = importance(load_model(str(published), device="cpu"))
    np.testing.assert_allclose(base_loss, plain_loss, atol=1e-4, rtol=0)
    np.testing.assert_allclose(deltas, plain_deltas, atol=1e-4, rtol=0)
    assert np.abs(deltas).max() > 100 * 1e-4


@needs_hooked_transformer
def test_a_name_that_hooked_transformer_does_not_know_is_refused():
    with pytest.raises(InputError, match="HookedTransformer knows no model 'org/own', expected an"):
        load_hooked("org/own")


@pytest.mark.skipif(HookedTransformer is not None, reason="this release has HookedTransformer")
def test_without_hooked_transformer_the_release_is_named():
    with pytest.raises(InputError, match=r"has no HookedTransformer, expected transformer_lens 3"):
        load_hooked("gpt2")
