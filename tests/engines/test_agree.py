"""Which engine a model gets: the fused one where both agree, and the reason where they do not."""

from __future__ import annotations

import dataclasses

import pytest

from tests.support.checkpoints import write_checkpoint
from workbench.errors import InputError
from workbench.models import fused_check, load_model, with_engine
from workbench.types import Head


def test_capped_attention_scores_run_on_the_hooked_engine_and_it_says_why(tiny):
    model = with_engine(tiny("gemma2"))
    assert model.fused is None
    assert model.facts["engine"]["name"] == "hooked"
    assert "softcap" in model.facts["engine"]["reason"]
    with pytest.raises(InputError, match="cannot run on the fused engine"):
        with_engine(tiny("gemma2"), "fused")


def test_a_network_that_differs_is_not_used(tiny_model, tmp_path):
    other = load_model(str(write_checkpoint("llama", tmp_path / "other", seed=1)), device="cpu")
    mixed = dataclasses.replace(tiny_model, plain=other.plain)
    engine = with_engine(mixed).facts["engine"]
    assert engine["name"] == "hooked"
    assert "differ from the hooked engine's" in engine["reason"]


def test_engines_are_named(tiny_model):
    assert with_engine(tiny_model, "hooked").fused is None
    with pytest.raises(InputError, match="the engine is 'flash'"):
        with_engine(tiny_model, "flash")
    alone = with_engine(dataclasses.replace(tiny_model, plain=None))
    assert "made elsewhere" in alone.facts["engine"]["reason"]


@pytest.mark.parametrize("name", ["llama", "deep"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision_agrees_as_far_as_it_can(dtype, name, checkpoint):
    """Of a deep network too, where a head or two are lost in the blur."""
    model = with_engine(load_model(str(checkpoint(name)), device="cpu", dtype=dtype))
    assert model.facts["engine"]["name"] == "fused", model.facts["engine"]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_heads_left_as_they_are_are_noticed_in_every_precision(dtype, monkeypatch):
    """Half precision blurs losses by more than heads change most of them."""
    real = fused_check.fused_weakened

    def unchanged(model, heads, ids, counted):
        base, _ = real(model, heads, ids, counted)
        return base, base

    model = load_model("math-tiny", device="cpu", dtype=dtype, check=False)
    assert abs(with_engine(model).facts["engine"]["effect"] - 1) < 0.05
    monkeypatch.setattr(fused_check, "fused_weakened", unchanged)
    engine = with_engine(model).facts["engine"]
    assert engine["name"] == "hooked"
    assert "uniform" in engine["reason"]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(("layers", "heads"), [(0, 1), (0, 2), (1, 0), (1, 1), (2, 0)])
def test_other_heads_made_uniform_than_asked_for_are_noticed(layers, heads, dtype, monkeypatch):
    real = fused_check.fused_weakened

    def shifted(model, wanted, ids, counted):
        n_layers, n_heads = model.n_layers, model.n_heads
        others = [Head((i + layers) % n_layers, (h + heads) % n_heads) for i, h in wanted]
        return real(model, others, ids, counted)

    model = load_model("math-tiny", device="cpu", dtype=dtype, check=False)
    monkeypatch.setattr(fused_check, "fused_weakened", shifted)
    engine = with_engine(model).facts["engine"]
    assert engine["name"] == "hooked"
    assert "uniform" in engine["reason"]


def test_a_window_wider_than_the_usual_check_is_reached(checkpoint):
    model = load_model(str(checkpoint("mistral")), device="cpu", check=False)
    wide = dataclasses.replace(model, windows=(60,) * model.n_layers)
    assert fused_check._random_ids(wide).shape[1] == 62
    assert fused_check._random_ids(model).shape[1] == fused_check.N_POS
