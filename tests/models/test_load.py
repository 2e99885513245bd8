import gc
import json
import shutil
import sys
import weakref
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, BertConfig, BertLMHeadModel, T5Config

from tests.support.checkpoints import USABLE, write_checkpoint
from workbench.engines import choose_engine
from workbench.errors import InputError, ModelRefusedError
from workbench.models import (
    ModelSource,
    find_model,
    hooks,
    load_model,
    load_plain,
    model_fingerprint,
    pattern_hook,
    weights_digest,
)
from workbench.models.configuration import layer_windows
from workbench.options import TuneOptions
from workbench.stages.trial.prepared import loaded

N_POS = 20


@pytest.fixture
def copied(checkpoint, tmp_path):
    """A llama folder of this test's own, to be damaged."""
    return shutil.copytree(checkpoint("llama"), tmp_path / "copied")


def token_ids(seed=0):
    return torch.randint(4, 260, (2, N_POS), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", USABLE)
def test_logits_are_those_of_transformers(name, checkpoint, tiny):
    plain = AutoModelForCausalLM.from_pretrained(checkpoint(name), attn_implementation="eager")
    ids = token_ids()
    with torch.no_grad():
        expected = plain(ids).logits
        logits = tiny(name).hooked(ids, return_type="logits", use_cache=False)
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", USABLE)
def test_a_loaded_model_states_its_shape_and_where_it_came_from(name, checkpoint, tiny):
    model = tiny(name)
    assert (model.n_layers, model.n_heads, model.n_ctx) == (3, 4, 96)
    assert model.info.id == checkpoint(name).name
    assert model.info.revision is None
    assert model.info.weights_sha256 == weights_digest(checkpoint(name))
    assert model.facts["dtype"] == "float32"
    assert model.facts["self_check"]["effect"] > 0


def test_sliding_windows_and_the_logit_cap_are_read_layer_by_layer(tiny):
    assert tiny("mistral").windows == (7, 7, 7)
    assert tiny("gemma2").windows == (7, None, 7)
    assert tiny("llama").windows == (None, None, None)
    assert tiny("gemma2").logit_cap == 30.0
    assert tiny("llama").logit_cap is None


def test_a_window_that_is_switched_off_does_not_count():
    config = SimpleNamespace(sliding_window=7, use_sliding_window=False)
    assert layer_windows(config, 2) == (None, None)


def test_a_loaded_model_takes_no_gradients_and_no_dropout(tiny_model):
    assert not tiny_model.hooked.training
    assert not any(p.requires_grad for p in tiny_model.hooked.parameters())


def test_the_dtype_asked_for_is_the_dtype_of_the_weights(checkpoint):
    model = load_model(str(checkpoint("llama")), device="cpu", dtype="bfloat16")
    assert {p.dtype for p in model.hooked.parameters()} == {torch.bfloat16}


@pytest.mark.parametrize("name", [*USABLE, "neox", "phi3", "olmo2"])
def test_no_pattern_outlives_its_layer(name, tiny):
    """Held from layer to layer, patterns are L times the memory that a batch is planned for."""
    model, patterns, alive = tiny(name), [], []

    def look(pattern, hook):
        alive.append(sum(ref() is not None for ref in patterns))
        patterns.append(weakref.ref(pattern))

    with hooks(model, [(pattern_hook(layer), look) for layer in range(model.n_layers)]):
        model.hooked(token_ids(), **model.pass_options)
    assert alive == [0] * model.n_layers
    assert not any(ref() for ref in patterns)


@pytest.mark.parametrize("name", ["llama", "gpt2", "neox"])
def test_a_model_that_is_let_go_leaves_no_weight_behind(name, checkpoint):
    engine = choose_engine(load_model(str(checkpoint(name)), device="cpu"))
    weights = [weakref.ref(tensor) for tensor in engine.model.hooked.parameters()]
    assert engine.name == "fused"
    del engine
    gc.collect()
    assert not [ref() for ref in weights if ref() is not None]


def test_an_architecture_that_discards_the_edit_is_refused(checkpoint):
    with pytest.raises(ModelRefusedError) as refused:
        load_model(str(checkpoint("gptj")), device="cpu")
    assert str(refused.value).startswith(
        f"the model {checkpoint('gptj').name} cannot be used: an edited attention pattern changes "
        "nothing: this architecture hands attention to the Hugging Face module; choose a model"
    )


def test_a_model_that_cannot_run_is_refused_in_words(checkpoint, monkeypatch):
    def fails(_model):
        raise RuntimeError("shape '[32, 0]' is invalid\nfor some reason")

    monkeypatch.setattr("workbench.models.load.self_check", fails)
    with pytest.raises(
        ModelRefusedError, match=r"fails in its first pass \(shape '\[32, 0\]' is in"
    ):
        load_model(str(checkpoint("llama")), device="cpu")


def test_an_unknown_name_lists_what_a_model_can_be():
    with pytest.raises(InputError, match=r"no model named 'math-tny', expected a bundled name"):
        load_model("math-tny")


def test_a_folder_without_a_configuration_is_named(tmp_path):
    with pytest.raises(InputError, match=r"has no config\.json, .*save_pretrained; point --model"):
        load_model(str(tmp_path))


def test_a_missing_path_is_not_taken_for_a_hub_id():
    with pytest.raises(InputError, match=r"no model named '\./missing'"):
        find_model("./missing")


@pytest.mark.parametrize("name", ["~nobody-of-that-name/x", "x" * 5000, "x" * 5000 + ".gguf"])
def test_what_can_be_no_path_is_refused_in_words(name, tmp_path):
    (tmp_path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": name}))
    for model in (name, str(tmp_path)):
        with pytest.raises(InputError, match="is no path of a model"):
            model_fingerprint(find_model(model)[0])


def test_weights_in_a_format_that_can_run_code_are_refused(copied):
    (copied / "model.safetensors").rename(copied / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"has no safetensors weights.*can run code"):
        load_model(str(copied))


def test_broken_weights_are_refused_in_words(copied):
    weights = copied / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(InputError, match=r"weights of model '.*' cannot be read, expected compl"):
        load_model(str(copied), device="cpu")


def test_weights_of_another_shape_are_refused_in_words(copied):
    tensors = load_file(copied / "model.safetensors")
    tensors["model.norm.weight"] = torch.ones(8)
    save_file(tensors, copied / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"files that fit config\.json"):
        load_model(str(copied), device="cpu")


def test_a_missing_weight_is_refused_and_not_made_up(copied):
    tensors = load_file(copied / "model.safetensors")
    del tensors["model.layers.1.self_attn.q_proj.weight"]
    save_file(tensors, copied / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"lack model\.layers\.1\.self_attn\.q_proj\.weight"):
        load_model(str(copied), device="cpu")


@pytest.mark.parametrize("content", ["{", "{}", '{"model_type": "nonesuch"}'])
def test_a_configuration_that_says_nothing_is_refused_in_words(content, copied):
    (copied / "config.json").write_text(content)
    words = r"(the configuration|config\.json) of model '.*' cannot be read"
    with pytest.raises(InputError, match=words):
        load_model(str(copied))


def test_a_folder_without_a_tokenizer_is_refused_in_words(copied):
    for path in copied.glob("tokenizer*"):
        path.unlink()
    with pytest.raises(InputError, match=r"the tokenizer of model '.*' cannot be read"):
        load_model(str(copied), device="cpu")


def test_a_model_that_does_not_predict_the_next_token_is_refused(tmp_path):
    T5Config().save_pretrained(tmp_path)
    with pytest.raises(ModelRefusedError, match="is a t5, expected a causal language model"):
        load_model(str(tmp_path))


def test_a_model_without_a_head_for_tokens_is_refused(copied):
    config = json.loads((copied / "config.json").read_text())
    config["architectures"] = ["LlamaForSequenceClassification"]
    (copied / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelRefusedError, match="is a LlamaForSequenceClassification, expected a"):
        load_model(str(copied))


def test_a_model_that_looks_ahead_is_refused(copied):
    BertConfig(
        vocab_size=260,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=96,
    ).save_pretrained(copied)
    model = BertLMHeadModel(BertConfig.from_pretrained(copied))
    model.save_pretrained(copied)
    with pytest.raises(ModelRefusedError, match="cannot be used"):
        load_model(str(copied), device="cpu")


def test_the_weights_hash_changes_with_one_weight_and_only_then(copied, checkpoint):
    before = weights_digest(copied)
    assert before == weights_digest(checkpoint("llama"))
    tensors = load_file(copied / "model.safetensors")
    tensors["model.norm.weight"][0] += 1
    save_file(tensors, copied / "model.safetensors", metadata={"format": "pt"})
    assert weights_digest(copied) != before


def test_the_fingerprint_tells_weights_configuration_and_tokenizer_apart(copied):
    before = model_fingerprint(copied)
    assert before["weights_sha256"] == weights_digest(copied)
    config = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps({**config, "rope_theta": 5.0}))
    after = model_fingerprint(copied)
    assert {key for key in before if before[key] != after[key]} == {"config.json_sha256"}


def test_a_template_changes_the_fingerprint(checkpoint):
    with_chat, without = (model_fingerprint(checkpoint("llama", c)) for c in (True, False))
    assert with_chat["weights_sha256"] == without["weights_sha256"]
    assert with_chat != without


def test_the_folder_one_stands_in_has_a_name(checkpoint, monkeypatch):
    monkeypatch.chdir(checkpoint("llama"))
    assert load_model(".", device="cpu", check=False).info.id == checkpoint("llama").name


def test_checkpoints_of_one_seed_are_the_same(checkpoint, tmp_path):
    assert weights_digest(write_checkpoint("llama", tmp_path)) == weights_digest(
        checkpoint("llama")
    )


OWN = """
from transformers import LlamaConfig, LlamaForCausalLM


class OwnConfig(LlamaConfig):
    model_type = "own"


class OwnForCausalLM(LlamaForCausalLM):
    config_class = OwnConfig
"""


@pytest.mark.parametrize("trusted", [False, True])
def test_code_without_a_configuration_is_told_what_is_missing(copied, trusted):
    config = json.loads((copied / "config.json").read_text())
    own = {"AutoModelForCausalLM": "own.OwnForCausalLM"}
    (copied / "own.py").write_text(OWN)
    (copied / "config.json").write_text(json.dumps(config | {"model_type": "own", "auto_map": own}))
    words = r"no AutoConfig.*name the class of its configuration .* and pass --trust-remote-code"
    with pytest.raises(InputError, match=words):
        load_plain(str(copied), trust_remote_code=trusted)


def test_code_for_the_network_alone_is_told_to_be_trusted(copied):
    config = json.loads((copied / "config.json").read_text())
    own = {"AutoModelForCausalLM": "own.OwnForCausalLM"}
    (copied / "own.py").write_text(OWN)
    (copied / "config.json").write_text(json.dumps(config | {"model_type": "vit", "auto_map": own}))
    with pytest.raises(InputError, match=r"brings code of its own.*pass --trust-remote-code"):
        load_plain(str(copied))


@pytest.mark.parametrize("own", [{"AutoTokenizer": ["own.T", None]}, {}, "own", [1]])
def test_an_unknown_model_without_a_network_of_its_own_wants_a_newer_library(copied, own):
    config = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps(config | {"model_type": "own", "auto_map": own}))
    with pytest.raises(InputError, match=r"upgrade transformers or choose another model"):
        load_plain(str(copied))


def test_code_of_a_repository_runs_only_when_it_is_trusted(checkpoint, tmp_path, monkeypatch):
    from transformers import dynamic_module_utils

    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    folder = shutil.copytree(checkpoint("llama"), tmp_path / "own")
    config = json.loads((folder / "config.json").read_text())
    own = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnForCausalLM"}
    config |= {"model_type": "own", "architectures": ["OwnForCausalLM"], "auto_map": own}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "own.py").write_text(OWN)
    with pytest.raises(InputError, match=r"brings code of its own.*pass --trust-remote-code"):
        load_plain(str(folder))
    network, _ = load_plain(str(folder), trust_remote_code=True)
    assert type(network).__name__ == "OwnForCausalLM"
    plain, trusted = (ModelSource(str(folder), trust_remote_code=t) for t in (False, True))
    assert trusted.manifest()["trust_remote_code"] is True
    assert "trust_remote_code" not in plain.manifest()
    assert type(loaded(trusted, TuneOptions()).wrapped).__name__ == "OwnForCausalLM"
    before = trusted.fingerprint()["code_sha256"]
    (folder / "own.py").write_text(OWN + "\n")
    assert ModelSource(str(folder), trust_remote_code=True).fingerprint()["code_sha256"] != before
