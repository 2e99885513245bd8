import builtins
import importlib.util
from importlib.metadata import version
from itertools import islice

import numpy as np
import pytest
import torch

from tests.support.eager_reference import HEADS, rendered_rows
from workbench.ablation import iter_importance
from workbench.data import read_samples
from workbench.engines import HookedEngine
from workbench.errors import InputError, ModelRefusedError
from workbench.models import load_model, render
from workbench.models.placement import resolve_device, resolve_dtype, resolve_placement
from workbench.scoring import score_batch
from workbench.types import Head, Sample

ON_DISK = {
    "model.embed_tokens": "cpu",
    "model.rotary_emb": "cpu",
    "model.layers.0": "cpu",
    "model.layers.1": "disk",
    "model.layers.2": "disk",
    "model.norm": "cpu",
    "lm_head": "cpu",
}


def importance(model):
    rows = rendered_rows()
    (batch,) = iter_importance(HookedEngine(model), rows, batches=[range(len(rows))])
    return batch.deltas


def test_an_unknown_dtype_lists_the_known_ones():
    with pytest.raises(InputError, match="the dtype is 'int3', expected float32 or bfloat16"):
        resolve_dtype("int3")


@pytest.mark.parametrize("device", ["tpu", "cuda:0", "mps"])
def test_a_device_that_is_not_there_is_refused(device, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(InputError, match=f"'{device}' is not available here, expected auto or cpu"):
        resolve_device(device)
    assert resolve_device("auto") == torch.device("cpu")


def test_a_device_whose_number_is_none_is_refused():
    with pytest.raises(InputError, match="the device is 'cpu:x', expected a name such as cpu"):
        resolve_device("cpu:x")


def test_auto_takes_cuda_before_mps_before_the_cpu(monkeypatch):
    for cuda, mps, expected in ((True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")):
        monkeypatch.setattr(torch.cuda, "is_available", lambda there=cuda: there)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda there=mps: there)
        assert resolve_device("auto").type == expected


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_the_dtype_asked_for_is_the_dtype_of_the_weights(dtype, checkpoint):
    model = load_model(str(checkpoint("llama")), device="cpu", dtype=dtype)
    assert {p.dtype for p in model.hooked.parameters()} == {getattr(torch, dtype)}
    assert model.facts["dtype"] == dtype
    assert model.facts["self_check"]["effect"] > 0


def test_half_precision_scores_are_those_of_float32_within_its_precision(checkpoint, tiny):
    half = load_model(str(checkpoint("llama")), device="cpu", dtype="bfloat16")
    exact = score_batch(HookedEngine(tiny("llama")), HEADS, rendered_rows())
    for found, expected in zip(
        score_batch(HookedEngine(half), HEADS, rendered_rows()), exact, strict=True
    ):
        assert found["cv2"] == pytest.approx(expected["cv2"], rel=0.1)
        assert np.isfinite(list(found.values())).all()


def test_bfloat16_ranks_the_top_heads_of_the_bundled_model_as_float32_does(bundled_model):
    from workbench.circuits import n_selected
    from workbench.data import read_samples
    from workbench.models import render

    samples = islice(read_samples(["generated"]), 60)
    rendered = [render(sample, bundled_model.tokenizer) for sample in samples]
    rows = sorted(rendered, key=lambda row: len(row.ids))[:6]
    deltas = {}
    for dtype in ("float32", "bfloat16"):
        model = load_model("math-tiny", device="cpu", dtype=dtype)
        batches = iter_importance(
            HookedEngine(model), rows, batches=[[i] for i in range(len(rows))]
        )
        deltas[dtype] = np.concatenate([batch.deltas for batch in batches]).mean(axis=0).ravel()
    n_top = n_selected(deltas["float32"].size, 0.05)
    top = {dtype: np.argsort(-values)[:n_top].tolist() for dtype, values in deltas.items()}
    assert top["bfloat16"] == top["float32"]


@pytest.mark.skipif(
    version("transformer_lens").startswith("3."),
    reason="TransformerLens 3.9 refuses models that lie partly on disk",
)
def test_a_model_partly_on_disk_gives_the_same_importance(checkpoint, tiny):
    spread = load_model(str(checkpoint("llama")), device_map=ON_DISK)
    assert {p.device.type for p in spread.hooked.parameters()} == {"cpu", "meta"}
    assert spread.facts["device"] == "cpu, disk"
    np.testing.assert_allclose(importance(spread), importance(tiny("llama")), atol=1e-6, rtol=0)


def test_a_device_map_by_name_or_as_json_text(checkpoint, tiny):
    for device_map in ("auto", '{"": "cpu"}'):
        model = load_model(str(checkpoint("llama")), device_map=device_map)
        assert model.facts["device"] == "cpu"
        assert model.device == torch.device("cpu")


@pytest.mark.parametrize("device_map", ["best", "[1, 2]", "{}", '{"": '])
def test_a_device_map_that_is_none_is_refused(device_map):
    with pytest.raises(InputError, match=r"the device map is '.*', expected auto, balanced"):
        resolve_placement(device_map=device_map)


def test_a_device_and_a_device_map_contradict_each_other():
    with pytest.raises(InputError, match=r"both a device \('cpu'\) and a device map"):
        resolve_placement(device="cpu", device_map="auto")


def test_few_bits_without_bitsandbytes_name_the_extra(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(InputError, match=r"8 bits need bitsandbytes.*circuit-workbench\[quant\]"):
        resolve_placement(device="cpu", quantize="8bit")
    with pytest.raises(InputError, match="quantize is '3bit', expected 8bit or 4bit"):
        resolve_placement(quantize="3bit")


@pytest.mark.parametrize(("bits", "flag"), [("8bit", "load_in_8bit"), ("4bit", "load_in_4bit")])
def test_few_bits_are_packed_while_the_weights_are_read(bits, flag, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: builtins.object())
    placement = resolve_placement(device="cpu", dtype="bfloat16", quantize=bits)
    options = placement.read_options()
    assert options["device_map"] == {"": "cpu"}
    assert getattr(options["quantization_config"], flag)
    assert placement.placed_while_read
    assert not resolve_placement(device="cpu").placed_while_read


@pytest.mark.parametrize("bits", ["8bit", "4bit"])
def test_the_bundled_model_in_few_bits_passes_the_check_and_finds_the_same_head(bits):
    pytest.importorskip("bitsandbytes")
    plain, packed = (load_model("math-tiny", device="cpu", quantize=q) for q in (None, bits))
    assert packed.facts["quantize"] == bits
    assert packed.facts["self_check"]["effect"] > 0
    size = sum(p.numel() * p.element_size() for p in packed.hooked.parameters())
    assert size < 0.9 * sum(p.numel() * p.element_size() for p in plain.hooked.parameters())
    samples = [s for s in islice(read_samples(["generated"]), 2) if isinstance(s, Sample)]
    rows = [render(sample, plain.tokenizer) for sample in samples]
    heads = [Head(2, 2), Head(1, 1), Head(3, 3)]
    found = []
    for model in (plain, packed):
        (batch,) = iter_importance(
            HookedEngine(model), rows, batches=[range(len(rows))], heads=heads
        )
        found.append(np.array([batch.deltas.mean(axis=0)[head] for head in heads]))
    assert found[1].argmax() == found[0].argmax() == 0
    np.testing.assert_allclose(found[1], found[0], atol=0.5 * found[0].max())
    assert not np.array_equal(*found)


def test_a_width_that_four_bits_cannot_pack_is_refused(checkpoint):
    """Which widths bitsandbytes packs on a CPU depends on the processor; the rest is refused."""
    pytest.importorskip("bitsandbytes")
    reason, effect = "", 0.0
    try:
        model = load_model(str(checkpoint("llama")), device="cpu", quantize="4bit")
        effect = model.facts["self_check"]["effect"]
    except ModelRefusedError as err:
        reason = str(err)
    assert effect > 0 or "fails in its first pass" in reason


def test_weights_that_do_not_fit_name_what_to_try(checkpoint, monkeypatch):
    def full(*_arguments, **_options):
        raise torch.OutOfMemoryError("no")

    monkeypatch.setattr(torch.nn.Module, "to", full)
    with pytest.raises(InputError, match=r"do not fit into memory; pass --dtype bfloat16"):
        load_model(str(checkpoint("llama")), device="cpu")
