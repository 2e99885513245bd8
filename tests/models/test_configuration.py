"""The configuration of a HookedTransformer against that of the checkpoint its weights are from."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from transformers import AutoConfig

from tests.support.two_libraries import FIXTURE, FIXTURE_CFG
from workbench.models.configuration import differences, hooked_windows, layer_windows


def cfg_of(config, **changed):
    """What TransformerLens' configuration of a tiny llama says, as far as it is compared."""
    rotary = config.rope_parameters["rope_theta"]
    values = {**FIXTURE_CFG, "rotary_base": rotary, "use_local_attn": False, "attn_types": None}
    return SimpleNamespace(**(values | changed))


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({}, []),
        ({"rotary_base": 1_000_000}, ["rotary_base"]),
        ({"n_ctx": 97}, ["n_ctx"]),
        ({"n_ctx": 95}, []),
        ({"n_layers": 4}, ["n_layers"]),
        ({"n_key_value_heads": None}, ["n_key_value_heads"]),
        ({"d_vocab": 512}, ["d_vocab"]),
        ({"output_logits_soft_cap": 30.0}, ["output_logits_soft_cap"]),
        ({"output_logits_soft_cap": -1.0}, []),
        ({"d_mlp": 64}, ["d_mlp"]),
        ({"rotary_dim": 4}, ["rotary_dim"]),
        ({"use_NTK_by_parts_rope": True}, ["rotary scaling"]),
        ({"use_yarn_rope": True}, ["rotary scaling"]),
        ({"rotary_scaling_factor": 8.0}, ["linear rotary scaling"]),
        ({"eps": 1e-5, "act_fn": "relu"}, ["eps", "act_fn"]),
    ],
)
def test_every_setting_that_changes_numbers_is_compared(changed, what):
    config = AutoConfig.from_pretrained(FIXTURE)
    found = [name for name, _, _ in differences(cfg_of(config, **changed), config)]
    assert [name for name in found if name != "sliding windows"] == what


@pytest.mark.parametrize(
    ("rope", "changed", "what"),
    [
        ({"rope_type": "llama3", "factor": 8.0}, {}, ["rotary scaling"]),
        ({"rope_type": "longrope"}, {}, ["rotary scaling"]),
        ({"rope_type": "linear", "factor": 4.0}, {}, ["linear rotary scaling"]),
        ({"rope_type": "linear", "factor": 4.0}, {"rotary_scaling_factor": 4.0}, []),
        ({"rope_type": "dynamic", "factor": 4.0}, {}, []),
        ({"rope_type": "yarn", "factor": 4.0}, {"use_yarn_rope": True, "yarn_factor": 4.0}, []),
        (
            {"rope_type": "yarn", "factor": 4.0},
            {"use_yarn_rope": True, "yarn_factor": 2.0},
            ["rotary scaling factor"],
        ),
        ({"partial_rotary_factor": 0.5}, {}, ["rotary_dim"]),
        ({"partial_rotary_factor": 0.5}, {"rotary_dim": 4}, []),
    ],
)
def test_stretched_and_partial_rotations_of_the_checkpoint_are_compared(rope, changed, what):
    config = AutoConfig.from_pretrained(FIXTURE)
    config.rope_parameters = {**config.rope_parameters, **rope}
    found = [name for name, _, _ in differences(cfg_of(config, **changed), config)]
    assert [name for name in found if name != "sliding windows"] == what


def test_the_second_rotary_base_of_windowed_layers_is_compared(checkpoint):
    config = AutoConfig.from_pretrained(checkpoint("gemma3"))
    cfg = SimpleNamespace(
        **(FIXTURE_CFG | {"act_fn": "gelu_new", "attn_types": ["local", "global", "local"]}),
        use_local_attn=True,
        window_size=7,
        rotary_base=config.rope_parameters["full_attention"]["rope_theta"],
        rotary_base_local=config.rope_parameters["sliding_attention"]["rope_theta"],
    )
    assert hooked_windows(cfg) == (7, None, 7)
    assert list(differences(cfg, config)) == []
    cfg.rotary_base_local += 1
    assert [name for name, _, _ in differences(cfg, config)] == ["rotary_base_local"]


def test_the_local_layers_of_gpt_neo_are_read():
    config = SimpleNamespace(attention_layers=["global", "local"], window_size=7)
    assert layer_windows(config, 2) == (None, 7)
