"""Only the named rows of a checkpoint change, whatever the architecture keeps them in."""

import json

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from tests.support.checkpoints import write_checkpoint
from workbench.amplification.components import components, random_components
from workbench.amplification.patch import copy_checkpoint, stored_names, stored_weights, write_rows
from workbench.amplification.rows import network_shape, read_layout

CHOSEN = {"query": [(0, 1)], "key": [(1, 0)], "value": [(2, 1)], "neuron": [(0, 5), (2, 7)]}


@pytest.mark.parametrize("name", ["llama", "qwen3", "gpt2", "neox", "phi3"])
def test_every_byte_outside_the_named_rows_stays(name, tmp_path):
    source, target = write_checkpoint(name, tmp_path / "source"), tmp_path / "target"
    target.mkdir()
    network = AutoModelForCausalLM.from_pretrained(source)
    rows = read_layout(network, network_shape(network)).rows(components(CHOSEN))
    own = stored_names(source, list(rows))
    before = load_file(source / "model.safetensors")
    copy_checkpoint(source, target)
    write_rows(target, {own[n]: (r, r.of(before[own[n]]) + 1) for n, r in rows.items()})
    after = load_file(target / "model.safetensors")
    old, new = ((f / "model.safetensors").read_bytes() for f in (source, target))
    assert len(old) == len(new)
    assert set(after) == set(before)
    changed = {n for n in before if not torch.equal(before[n], after[n])}
    assert changed == set(own.values())
    outside = bytearray(new)
    for stored_name, (axis, index) in {own[n]: (r.axis, r.index) for n, r in rows.items()}.items():
        expected = before[stored_name].clone()
        expected.index_add_(axis, index, torch.ones_like(expected.index_select(axis, index)))
        assert torch.equal(after[stored_name], expected)
        start = stored_weights(source)[stored_name].start
        size = expected.numel() * expected.element_size()
        outside[start : start + size] = old[start : start + size]
    assert bytes(outside) == old


def test_the_rows_of_a_llama_by_hand(tmp_path):
    network = AutoModelForCausalLM.from_pretrained(write_checkpoint("llama", tmp_path))
    rows = read_layout(network, network_shape(network)).rows(components(CHOSEN))
    found = {name.removeprefix("model.layers."): r.index.tolist() for name, r in rows.items()}
    assert found == {
        "0.self_attn.q_proj.weight": list(range(8, 16)),
        "1.self_attn.k_proj.weight": list(range(8)),
        "2.self_attn.v_proj.weight": list(range(8, 16)),
        "0.mlp.up_proj.weight": [5],
        "2.mlp.up_proj.weight": [7],
    }


def test_random_components_are_as_many_of_each_kind_and_come_from_the_seed(tmp_path):
    network = AutoModelForCausalLM.from_pretrained(write_checkpoint("llama", tmp_path))
    shape, like = network_shape(network), components(CHOSEN)
    drawn = [random_components(like, shape, seed=seed) for seed in (0, 0, 1)]
    assert [d.counts() for d in drawn] == [like.counts()] * 3
    assert json.dumps(drawn[0].to_json()) == json.dumps(drawn[1].to_json())
    assert drawn[0].to_json() != drawn[2].to_json()
