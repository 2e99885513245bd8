"""Which engine a model gets: the fused one where both agree, and the reason where they do not."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from tests.support.checkpoints import write_checkpoint
from workbench.engines import FusedEngine, HookedEngine, agree, choose_engine
from workbench.errors import InputError
from workbench.models import RowEdits, load_model


def test_capped_attention_scores_run_on_the_hooked_engine_and_it_says_why(tiny):
    engine = choose_engine(tiny("gemma2"))
    assert isinstance(engine, HookedEngine)
    assert engine.facts["engine"]["name"] == "hooked"
    assert "softcap" in engine.found["reason"]
    with pytest.raises(InputError, match="cannot run on the fused engine"):
        choose_engine(tiny("gemma2"), "fused")


def test_a_network_that_differs_is_not_used(tiny_model, tmp_path):
    other = load_model(str(write_checkpoint("llama", tmp_path / "other", seed=1)), device="cpu")
    mixed = dataclasses.replace(tiny_model, plain=other.plain)
    engine = choose_engine(mixed).found
    assert engine["name"] == "hooked"
    assert "differ from the hooked engine's" in engine["reason"]


def test_engines_are_named(tiny_model):
    assert choose_engine(tiny_model, "hooked").name == "hooked"
    with pytest.raises(InputError, match="the engine is 'flash'"):
        choose_engine(tiny_model, "flash")
    alone = choose_engine(dataclasses.replace(tiny_model, plain=None))
    assert "made elsewhere" in alone.found["reason"]


@pytest.mark.parametrize("name", ["llama", "deep"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_agrees_as_far_as_it_can(dtype, name, checkpoint):
    """Of a deep network too, where a head or two are lost in the blur."""
    engine = choose_engine(load_model(str(checkpoint(name)), device="cpu", dtype=dtype))
    assert engine.name == "fused", engine.found


def with_other_heads(monkeypatch, others_of):
    """The fused engine edits `others_of(layer, head)` in place of each head it is asked for."""
    real = FusedEngine.editing

    def editing(engine, edits):
        if edits is not None:
            chosen = torch.zeros_like(edits.every)
            for row, layer, head in edits.every.nonzero().tolist():
                if (other := others_of(engine.model, layer, head)) is not None:
                    chosen[row, *other] = True
            edits = RowEdits(edits.kind, chosen, samples=edits.every_sample)
        return real(engine, edits)

    monkeypatch.setattr(FusedEngine, "editing", editing)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_heads_left_as_they_are_are_noticed_in_every_precision(dtype, monkeypatch):
    """Half precision blurs losses by more than heads change most of them."""
    model = load_model("math-tiny", device="cpu", dtype=dtype, check=False)
    assert abs(choose_engine(model).found["effect"] - 1) < 0.05
    with_other_heads(monkeypatch, lambda model, layer, head: None)
    engine = choose_engine(model)
    assert engine.name == "hooked"
    assert "uniform" in engine.found["reason"]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(("layers", "heads"), [(0, 1), (0, 2), (1, 0), (1, 1), (2, 0)])
def test_other_heads_made_uniform_than_asked_for_are_noticed(layers, heads, dtype, monkeypatch):
    def shifted(model, layer, head):
        return (layer + layers) % model.n_layers, (head + heads) % model.n_heads

    model = load_model("math-tiny", device="cpu", dtype=dtype, check=False)
    with_other_heads(monkeypatch, shifted)
    engine = choose_engine(model)
    assert engine.name == "hooked"
    assert "uniform" in engine.found["reason"]


def test_a_cache_that_is_read_wrongly_is_noticed(tiny_model, monkeypatch):
    real = FusedEngine.next_logits
    monkeypatch.setattr(
        FusedEngine, "next_logits", lambda engine, ids, cache: real(engine, ids, engine.new_cache())
    )
    engine = choose_engine(tiny_model)
    assert engine.name == "hooked"
    assert "decoded" in engine.found["reason"]


def test_a_window_wider_than_the_usual_check_is_reached(checkpoint):
    model = load_model(str(checkpoint("mistral")), device="cpu", check=False)
    wide = dataclasses.replace(model, windows=(60,) * model.n_layers)
    assert agree._random_ids(wide).shape[1] == 62
    assert agree._random_ids(model).shape[1] == agree.N_POS
