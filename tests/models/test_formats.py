"""What people have beside a folder of safetensors: GGUF files, adapters of PEFT, packed weights."""

import json
import shutil

import gguf
import numpy as np
import pytest
import torch
from peft import LoraConfig, PromptTuningConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.support.gguf_file import write_gguf
from tests.support.hub import COMMIT, Repository, point_at, serving
from tests.support.rows import samples_of
from workbench.errors import InputError, ModelRefusedError
from workbench.models import (
    ModelSource,
    find_model,
    load_model,
    load_plain,
    model_fingerprint,
    render,
    weights_digest,
)

# peft asks transformers in a way that transformers is about to give up.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing.:FutureWarning")
IDS = torch.randint(4, 260, (2, 20), generator=torch.Generator().manual_seed(0))


def logits_of(model):
    with torch.no_grad():
        return model.hooked(IDS, return_type="logits", use_cache=False)


@pytest.fixture(scope="module")
def packed(checkpoint, tmp_path_factory):
    """The tiny llama as a GGUF file of 8-bit weights."""
    path = tmp_path_factory.mktemp("gguf") / "tiny-llama.Q8_0.gguf"
    return write_gguf(checkpoint("llama"), path, kind=gguf.GGMLQuantizationType.Q8_0)


@pytest.fixture(scope="module")
def from_gguf(packed):
    return load_model(str(packed), device="cpu")


@pytest.fixture(scope="module")
def adapter(checkpoint, tmp_path_factory):
    """A LoRA of random weights on the tiny llama, as peft saves it."""
    folder = tmp_path_factory.mktemp("lora") / "tiny-lora"
    torch.manual_seed(3)
    base = AutoModelForCausalLM.from_pretrained(checkpoint("llama"))
    tuned = get_peft_model(base, LoraConfig(r=4, target_modules=["q_proj", "v_proj"]))
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight.data, std=0.5)
    tuned.save_pretrained(folder)
    return folder


def copied(folder, path, **config):
    """A copy of a folder, with some values of its config.json replaced."""
    shutil.copytree(folder, path)
    stated = json.loads((path / "config.json").read_text()) | config
    (path / "config.json").write_text(json.dumps(stated))
    return path


def test_a_gguf_file_gives_the_logits_of_transformers(packed, from_gguf):
    plain = AutoModelForCausalLM.from_pretrained(
        packed.parent, gguf_file=packed.name, attn_implementation="eager", dtype=torch.float32
    )
    with torch.no_grad():
        expected = plain(IDS).logits
    torch.testing.assert_close(logits_of(from_gguf), expected, atol=1e-5, rtol=0)


def test_a_gguf_file_holds_the_weights_as_packed_and_not_as_they_were(
    packed, from_gguf, checkpoint
):
    written = load_file(checkpoint("llama") / "model.safetensors")
    name = "model.layers.1.mlp.up_proj.weight"
    blocks = gguf.quants.quantize(written[name].numpy(), gguf.GGMLQuantizationType.Q8_0)
    unpacked = gguf.quants.dequantize(blocks, gguf.GGMLQuantizationType.Q8_0)
    read = load_plain(str(packed))[0].get_parameter(name).detach().numpy()
    np.testing.assert_array_equal(read, unpacked)
    assert 0 < np.abs(read - written[name].numpy()).max() < 0.05


def test_a_gguf_file_is_called_and_hashed_by_itself(packed, from_gguf):
    digest = model_fingerprint(packed)["weights_sha256"]
    assert from_gguf.info.id == "tiny-llama.Q8_0"
    assert from_gguf.info.weights_sha256 == weights_digest(packed) == digest
    other = packed.with_name("other.gguf")
    write_gguf_changed(packed, other)
    assert model_fingerprint(other)["weights_sha256"] != digest


def write_gguf_changed(path, other):
    """The same file with its last byte changed."""
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    other.write_bytes(content)


def test_a_gguf_file_has_its_tokenizer_and_template_in_it(from_gguf, tiny):
    (sample,) = samples_of([("1 + 1?", "2")])
    found, expected = (render(sample, m.tokenizer) for m in (from_gguf, tiny("llama")))
    assert found.ids == expected.ids
    assert from_gguf.facts["template"] == "chat"


def test_folder_and_file_with_a_colon_mean_the_file(packed):
    assert find_model(f"{packed.parent}:{packed.name}") == (packed, None)


def test_a_folder_of_gguf_files_names_what_to_pass(packed):
    with pytest.raises(InputError, match=r"holds GGUF files and no config\.json.*tiny-llama\.Q8_0"):
        find_model(str(packed.parent))


def test_weights_of_a_gguf_file_can_be_saved_after_tuning(packed, tmp_path):
    network, _ = load_plain(str(packed))
    network.save_pretrained(tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path)
    name = "model.layers.0.self_attn.q_proj.weight"
    assert torch.equal(again.get_parameter(name), network.get_parameter(name))


def test_a_missing_or_broken_gguf_file_is_refused_in_words(tmp_path):
    with pytest.raises(InputError, match=r"no GGUF file '.*none\.gguf', expected a path, or fol"):
        find_model(str(tmp_path / "none.gguf"))
    (tmp_path / "broken.gguf").write_bytes(b"GGUF" + 40 * b"\0")
    with pytest.raises(InputError, match=r"the configuration of model '.*' cannot be read"):
        load_model(str(tmp_path / "broken.gguf"), device="cpu")


def test_a_gguf_file_is_not_packed_a_second_time(packed):
    with pytest.raises(InputError, match=r"is made whole while it is read.*leave out --quantize"):
        load_model(str(packed), quantize="8bit")


def test_an_adapter_is_merged_into_its_base(adapter, checkpoint):
    base = AutoModelForCausalLM.from_pretrained(checkpoint("llama"), attn_implementation="eager")
    with torch.no_grad():
        of_base = base(IDS).logits
    changes = load_file(adapter / "adapter_model.safetensors")
    config = json.loads((adapter / "adapter_config.json").read_text())
    for name in [name for name in changes if name.endswith("lora_A.weight")]:
        down, up = changes[name], changes[name.replace("lora_A", "lora_B")]
        weight = name.removeprefix("base_model.model.").replace(".lora_A", "")
        base.get_parameter(weight).data += up @ down * config["lora_alpha"] / config["r"]
    with torch.no_grad():
        expected = base(IDS).logits
    model = load_model(str(adapter), device="cpu")
    assert not torch.allclose(expected, of_base, atol=1e-2)
    torch.testing.assert_close(logits_of(model), expected, atol=2e-5, rtol=0)
    assert model.info.id == "tiny-lora"
    assert model.facts["base"] == str(checkpoint("llama"))
    assert model.info.weights_sha256 == weights_digest(adapter)


def test_a_fingerprint_of_an_adapter_knows_both_files(adapter, checkpoint, tmp_path):
    before = model_fingerprint(adapter)
    assert before["base_weights_sha256"] == weights_digest(checkpoint("llama"))
    assert before["tokenizer.json_sha256"]
    own = shutil.copytree(adapter, tmp_path / "own")
    tensors = load_file(own / "adapter_model.safetensors")
    tensors[min(tensors)][0, 0] += 1
    save_file(tensors, own / "adapter_model.safetensors")
    after = model_fingerprint(own)
    assert {key for key in before if before[key] != after[key]} == {"weights_sha256"}
    base = copied(checkpoint("llama"), tmp_path / "base", rope_theta=5.0)
    config = json.loads((own / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = str(base)
    (own / "adapter_config.json").write_text(json.dumps(config))
    moved = model_fingerprint(own)
    assert moved["base_config.json_sha256"] != after["base_config.json_sha256"]


def test_the_base_of_an_adapter_may_be_a_gguf_file(adapter, packed, tmp_path):
    own = shutil.copytree(adapter, tmp_path / "own")
    config = json.loads((own / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = str(packed)
    (own / "adapter_config.json").write_text(json.dumps(config))
    assert model_fingerprint(own)["base_weights_sha256"] == weights_digest(packed)
    network, tokenizer = load_plain(str(own))
    assert not torch.equal(
        network.get_parameter("model.layers.0.self_attn.q_proj.weight"),
        load_plain(str(packed))[0].get_parameter("model.layers.0.self_attn.q_proj.weight"),
    )
    assert tokenizer.chat_template


def test_an_adapter_on_the_hub_and_its_base_are_both_fetched(
    adapter, checkpoint, tmp_path, monkeypatch
):
    published = shutil.copytree(adapter, tmp_path / "published")
    config = json.loads((published / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = "org/llama"
    (published / "adapter_config.json").write_text(json.dumps(config))
    there = {"org/lora": Repository(published), "org/llama": Repository(checkpoint("llama"))}
    with serving(there) as hub:
        point_at(hub.url, tmp_path / "cache", monkeypatch)
        model = load_model("org/lora", device="cpu")
    assert {"adapter_model.safetensors", "model.safetensors"} <= set(hub.files())
    assert (model.info.revision, model.facts["base_revision"]) == (COMMIT, COMMIT)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"base_model_name_or_path": "./nowhere"},
            r"the base '\./nowhere' of the adapter",
        ),
        ({"base_model_name_or_path": None}, "names no base model"),
    ],
)
def test_an_adapter_without_its_base_is_refused_in_words(changes, reason, adapter, tmp_path):
    own = shutil.copytree(adapter, tmp_path / "own")
    config = json.loads((own / "adapter_config.json").read_text()) | changes
    (own / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(InputError, match=reason):
        ModelSource(str(own)).fingerprint()


def test_an_adapter_that_adds_to_no_weight_is_refused(checkpoint, tmp_path):
    base = AutoModelForCausalLM.from_pretrained(checkpoint("llama"))
    prompts = PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4)
    get_peft_model(base, prompts).save_pretrained(tmp_path)
    with pytest.raises(InputError, match="cannot be merged into its base"):
        load_model(str(tmp_path), device="cpu")


def test_an_adapter_in_a_format_that_can_run_code_is_refused(adapter, tmp_path):
    own = shutil.copytree(adapter, tmp_path / "own")
    (own / "adapter_model.safetensors").rename(own / "adapter_model.bin")
    with pytest.raises(InputError, match=r"has no adapter_model\.safetensors, .*can run code"):
        load_model(str(own), device="cpu")


@pytest.mark.parametrize(
    ("method", "shown"),
    [
        ("gptq", "GPTQ"),
        ("awq", "AWQ"),
        ("compressed-tensors", "compressed-tensors"),
        ("bitsandbytes", "bitsandbytes"),
        ("fp8", "fp8"),
    ],
)
def test_weights_stored_in_few_bits_are_refused_by_name(method, shown, checkpoint, tmp_path):
    packed = {"quant_method": method, "bits": 4, "group_size": 128}
    folder = copied(checkpoint("llama"), tmp_path / "packed", quantization_config=packed)
    with pytest.raises(ModelRefusedError, match=rf"are stored quantised \({shown}\), expected who"):
        load_model(str(folder), device="cpu")


def test_the_conversion_of_unsafe_weights_is_one_that_works(checkpoint, tmp_path):
    folder = shutil.copytree(checkpoint("llama"), tmp_path / "unsafe")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(InputError, match="convert it once, if you trust it") as refusal:
        load_model(str(folder), device="cpu")
    code = str(refusal.value).partition('-c "')[2].removesuffix('"')
    assert code.endswith(f"M.from_pretrained('{folder}').save_pretrained('{folder}')")
    compile(code, "conversion", "exec")


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("gpt2", "pass openai-community/gpt2"),
        ("https://huggingface.co/org/name/tree/main", "pass org/name"),
        ("https://example.com/model.safetensors", "download it and pass its folder"),
    ],
)
def test_a_name_that_means_something_else_says_what_to_pass(name, advice):
    with pytest.raises(InputError, match=f"{advice}$"):
        find_model(name)


def test_a_weight_file_names_its_folder(checkpoint):
    folder = checkpoint("llama")
    with pytest.raises(InputError, match=rf"is a weight file, .*pass {folder}$"):
        find_model(str(folder / "model.safetensors"))


def test_a_folder_of_checkpoints_names_the_last(checkpoint, tmp_path):
    for step in (500, 1500, 1000):
        shutil.copytree(checkpoint("llama"), tmp_path / f"checkpoint-{step}")
    with pytest.raises(InputError, match=r"holds 3 models and is none itself.*checkpoint-1500$"):
        find_model(str(tmp_path))


def test_weights_that_the_configuration_does_not_name_are_reported(checkpoint, tmp_path):
    folder = shutil.copytree(checkpoint("llama"), tmp_path / "more")
    tensors = load_file(folder / "model.safetensors")
    tensors["model.layers.9.self_attn.q_proj.weight"] = torch.zeros(32, 32)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    model = load_model(str(folder), device="cpu", check=False)
    assert model.facts["unused_weights"] == ["model.layers.9.self_attn.q_proj.weight"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused_for_that_reason(value, checkpoint, tmp_path):
    folder = shutil.copytree(checkpoint("llama"), tmp_path / "nan")
    tensors = load_file(folder / "model.safetensors")
    tensors["model.embed_tokens.weight"][7, 3] = value
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        ModelRefusedError, match=r"hold NaN or infinity \(model\.embed_tokens\.weight\)"
    ):
        load_model(str(folder), device="cpu")


def test_a_tokenizer_beyond_the_embedding_is_refused(checkpoint, tmp_path):
    folder = shutil.copytree(checkpoint("llama"), tmp_path / "longer")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["forty-two"])
    tokenizer.save_pretrained(folder)
    reason = r"has 1 tokens \('forty-two', \.\.\.\) beyond the 260 rows of its embedding"
    for load in (load_model, load_plain):
        with pytest.raises(ModelRefusedError, match=reason):
            load(str(folder))


def test_a_mark_that_no_template_writes_is_text_like_any_other(checkpoint, tmp_path, tiny):
    folder = shutil.copytree(checkpoint("llama"), tmp_path / "marked")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    tokenizer.save_pretrained(folder)
    assert tokenizer("<image>")["input_ids"] == [260]
    read = load_model(str(folder), device="cpu").tokenizer
    assert read("<image> 1")["input_ids"] == tiny("llama").tokenizer("<image> 1")["input_ids"]
    assert read.eos_token_id == 1


def test_a_mark_is_no_longer_among_the_special_tokens_under_any_name(checkpoint, tmp_path):
    folder = shutil.copytree(checkpoint("llama"), tmp_path / "unknown")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"unk_token": "<unk>"})
    tokenizer.save_pretrained(folder)
    read = load_model(str(folder), device="cpu").tokenizer
    assert read.unk_token_id is None
    assert max(read.all_special_ids) < 260
