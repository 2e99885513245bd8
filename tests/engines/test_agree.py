"""Which engine a model gets: the fused one where both agree, and the reason where they do not."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.support.checkpoints import write_checkpoint
from workbench.engines import FusedEngine, HookedEngine, agree, choose_engine, fused
from workbench.errors import InputError
from workbench.models import RowEdits, load_model, widened
from workbench.types import Head


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


def with_wrong_windows(monkeypatch, model):
    """The fused engine sees one key more than a window has."""
    real, wide = FusedEngine.__init__, tuple(w + 1 for w in model.windows)
    monkeypatch.setattr(
        FusedEngine,
        "__init__",
        lambda engine, model, **rest: real(
            engine, dataclasses.replace(model, windows=wide), **rest
        ),
    )


def with_wrong_columns(monkeypatch, model):
    """The fused engine reads the columns of the next head."""
    real = FusedEngine.columns
    monkeypatch.setattr(FusedEngine, "columns", lambda *given: real(*given).roll(1, dims=2))


def without_bias(monkeypatch, model):
    """The fused engine's network has lost the biases of its values."""
    for layer in model.plain.base_model.layers:
        value = layer.self_attn.v_proj
        layer.self_attn.v_proj = torch.nn.Linear(value.in_features, value.out_features, bias=False)
        layer.self_attn.v_proj.weight = value.weight


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("name", "plant"),
    [("mistral", with_wrong_windows), ("llama", with_wrong_columns), ("qwen2", without_bias)],
)
def test_a_planted_fault_is_noticed_in_every_precision(
    name, plant, dtype, checkpoint, tmp_path, monkeypatch
):
    folder = checkpoint(name) if plant is not without_bias else with_biases(tmp_path)
    model = load_model(str(folder), device="cpu", dtype=dtype, check=False)
    assert choose_engine(model).name == "fused"
    plant(monkeypatch, model)
    engine = choose_engine(model)
    assert engine.name == "hooked"
    assert "differ from the hooked engine's" in engine.found["reason"]


def with_biases(folder):
    """A random model has no biases to lose: drawn ones, hardly above half precision's rounding."""
    write_checkpoint("qwen2", folder)
    weights = load_file(folder / "model.safetensors")
    generator = torch.Generator().manual_seed(3)
    for name, weight in weights.items():
        if name.endswith("v_proj.bias"):
            weight.copy_(0.02 * torch.randn(weight.shape, generator=generator))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_a_fault_of_half_precision_alone_is_noticed(checkpoint, monkeypatch):
    """A kernel that float32 does not take: here one that forgets a share of every score."""
    real = fused._sdpa

    def coarse(module, states, window, *, scaling, **options):
        factor = 0.7 if states[0].dtype == torch.bfloat16 else 1.0
        return real(module, states, window, scaling=factor * scaling, **options)

    monkeypatch.setattr(fused, "_sdpa", coarse)
    path = str(checkpoint("llama"))
    assert choose_engine(load_model(path, device="cpu", check=False)).name == "fused"
    engine = choose_engine(load_model(path, device="cpu", dtype="bfloat16", check=False))
    assert engine.name == "hooked"
    assert "float32" in engine.found["reason"]


def test_the_engine_nearer_to_float32_is_not_refused_for_it(checkpoint, monkeypatch):
    """Columns of the hooked engine that half precision blurs, as on deep pretrained models."""
    model = load_model(str(checkpoint("llama")), device="cpu", dtype="bfloat16", check=False)
    real, generator = HookedEngine.columns, torch.Generator().manual_seed(0)

    def blurred(engine, *given):
        columns = real(engine, *given)
        if engine.model.hooked.blocks[0]._forward_pre_hooks:  # float32, block by block
            return columns
        return columns + 2e-2 * torch.randn(columns.shape, generator=generator)

    monkeypatch.setattr(HookedEngine, "columns", blurred)
    engine = choose_engine(model)
    assert engine.name == "fused"
    found = engine.found
    assert found["rounded_columns"] < 0.1 * found["rounded_columns_hooked"]
    assert found["columns"] < 1e-5


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_widened_passes_are_those_of_a_model_in_float32_and_leave_every_tensor_itself(
    name, dtype, checkpoint
):
    half = load_model(str(checkpoint(name)), device="cpu", dtype=dtype, check=False)
    whole = load_model(str(checkpoint(name)), device="cpu", check=False)
    with torch.no_grad():  # what half precision has left of the weights
        for parameter, rounded in zip(
            whole.hooked.parameters(), half.hooked.parameters(), strict=True
        ):
            parameter.copy_(rounded)
    before = [p.data_ptr() for p in half.hooked.parameters()]
    hooks = [len(module._forward_pre_hooks) for module in half.plain.modules()]
    text = agree._Text(half)
    for engine in (HookedEngine, FusedEngine):
        with widened(half):
            found = text.losses(engine(half))
        far = (text.losses(engine(half)) - found).abs().max()
        near = (text.losses(engine(whole)) - found).abs().max()
        # Embeddings and rotations keep their precision.
        assert near < 0.6 * far
    assert [p.data_ptr() for p in half.hooked.parameters()] == before
    assert [len(module._forward_pre_hooks) for module in half.plain.modules()] == hooks


def test_a_pass_that_ends_early_leaves_nothing_widened(checkpoint):
    model = load_model(str(checkpoint("llama")), device="cpu", dtype="bfloat16", check=False)
    with widened(model):
        FusedEngine(model).columns([Head(0, 1)], torch.tensor([[4, 5]]), torch.tensor([[[0, 2]]]))
        assert {p.dtype for p in model.plain.parameters()} == {torch.bfloat16}


def test_a_window_wider_than_the_usual_check_is_reached(checkpoint):
    model = load_model(str(checkpoint("mistral")), device="cpu", check=False)
    wide = dataclasses.replace(model, windows=(60,) * model.n_layers)
    assert agree.n_positions(wide) == 67
    assert agree.n_positions(model) == agree.N_POS
    too_wide = dataclasses.replace(model, windows=(4096,) * model.n_layers, n_ctx=8192)
    assert agree.n_positions(too_wide) == agree.N_POS
