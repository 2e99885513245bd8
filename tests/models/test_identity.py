import dataclasses

import pytest
from transformers import LlamaConfig, MistralConfig

from workbench.errors import InputError
from workbench.models import check_same_model
from workbench.models.identity import configuration_digest
from workbench.types import ModelInfo

FOUND = ModelInfo(id="found", revision=None, weights_sha256="a" * 64, n_layers=2, n_heads=3)


def test_the_same_weights_under_another_name_are_the_same_model():
    check_same_model(FOUND, dataclasses.replace(FOUND, id="elsewhere", revision="r2"))


def test_another_shape_is_refused_with_both_shapes():
    words = "found on 'found' with 2 layers x 3 heads, expected the model 'large' with 2 layers x 4"
    with pytest.raises(InputError, match=words):
        check_same_model(FOUND, dataclasses.replace(FOUND, id="large", n_heads=4))


def test_other_weights_of_the_same_shape_are_refused_with_both_hashes():
    with pytest.raises(InputError, match="weights aaaaaaaaaaaa, expected weights bbbbbbbbbbbb of"):
        check_same_model(FOUND, dataclasses.replace(FOUND, weights_sha256="b" * 64))


def test_published_heads_without_a_hash_are_checked_by_shape():
    published = dataclasses.replace(FOUND, weights_sha256="")
    check_same_model(published, FOUND)
    with pytest.raises(InputError, match="2 layers x 3 heads"):
        check_same_model(published, dataclasses.replace(FOUND, n_layers=5))


def test_the_same_weights_in_another_configuration_are_another_model():
    found, other = (dataclasses.replace(FOUND, config_sha256=c * 64) for c in "cd")
    with pytest.raises(InputError, match="configuration cccccccccccc, expected configuration ddd"):
        check_same_model(found, other)


def test_heads_of_a_time_before_configurations_were_kept_are_still_read():
    check_same_model(FOUND, dataclasses.replace(FOUND, config_sha256="c" * 64))


@pytest.mark.parametrize(
    "change",
    [{"sliding_window": 7}, {"rms_norm_eps": 1e-3}, {"rope_parameters": {"rope_theta": 5e5}}],
    ids=lambda change: next(iter(change)),
)
def test_what_changes_the_computation_changes_the_digest(change):
    kind = {"rope_type": "default"} if "rope_parameters" in change else {}
    change = {key: {**value, **kind} if kind else value for key, value in change.items()}
    assert configuration_digest(MistralConfig(**change)) != configuration_digest(MistralConfig())


def test_token_ids_and_bookkeeping_leave_the_digest_as_it_is(tmp_path):
    config = LlamaConfig(num_hidden_layers=2)
    config.save_pretrained(tmp_path)
    again = LlamaConfig.from_pretrained(tmp_path, use_cache=False, eos_token_id=9, dtype="float16")
    assert configuration_digest(again) == configuration_digest(config)


def test_a_loaded_model_says_which_configuration_it_computes_with(tiny):
    digests = {tiny(name).info.config_sha256 for name in ("llama", "mistral")}
    assert len(digests) == 2
    assert all(len(found) == 64 for found in digests)
