"""CircuitSeer scores against Hugging Face's own attention, worked out in plain numpy."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from workbench.bundled import MODELS, bundled_dir
from workbench.data import read_samples
from workbench.engines import HookedEngine
from workbench.models import Rendered, render
from workbench.scoring import score_batch, variant_columns
from workbench.types import Head

HEADS = [Head(0, 3), Head(1, 0), Head(1, 2)]
PARTS = ("prompt", "completion", "all")


def uniform_received(n: int, window: int | None) -> np.ndarray:
    """What each key receives from a head that looks at all visible keys alike."""
    columns = np.zeros(n)
    for query in range(n):
        first = 0 if window is None else max(0, query + 1 - window)
        columns[first : query + 1] += 1 / (query + 1 - first)
    return columns / n


def variant(name: str, a: np.ndarray, u: np.ndarray) -> float:
    n = len(a)
    if name == "excess":
        return float((u * (a / u - 1) ** 2).sum())
    return float(((a - 1 / n) ** 2).mean()) * (n**2 if name == "cv2" else 1)


def span(rendered: Rendered, part: str, *, drop_sink: bool) -> tuple[int, int]:
    """Start and end of the scored tokens, read off the parts (0 template, 1 prompt, 2 rest)."""
    wanted = {"prompt": [1], "completion": [2], "all": [1, 2]}[part]
    inside = [i for i, p in enumerate(rendered.parts) if p in wanted]
    first_of_all = next(i for i, p in enumerate(rendered.parts) if p)
    start = inside[0] if part == "completion" else 0
    return (max(start, 1, first_of_all) if drop_sink else start), inside[-1] + 1


def expected(reference, windows, rendered: Rendered, part: str, *, per_head: bool) -> dict:
    """Every variant of one sample from `output_attentions`, without any code of the workbench."""
    _, end = span(rendered, part, drop_sink=False)
    with torch.no_grad():
        attentions = reference(torch.tensor([rendered.ids[:end]]), output_attentions=True)
    scores = {}
    for suffix, drop_sink in (("", False), ("_no_sink", True)):
        start, end = span(rendered, part, drop_sink=drop_sink)
        received, uniform = [], []
        for layer, head in HEADS:
            rows = attentions.attentions[layer][0, head, start:end, start:end].double().numpy()
            received.append((rows / rows.sum(1, keepdims=True)).mean(0))
            uniform.append(uniform_received(end - start, windows[layer]))
        for name in ("paper", "cv2", "excess"):
            if per_head:
                pairs = zip(received, uniform, strict=True)
                value = np.mean([variant(name, a, u) for a, u in pairs])
            else:
                value = variant(name, np.mean(received, 0), np.mean(uniform, 0))
            scores[name + suffix] = value
    return scores


def eager(folder) -> torch.nn.Module:
    return AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").eval()


def assert_equal(model, reference, rendered: list[Rendered], part: str, *, per_head: bool) -> None:
    results = score_batch(HookedEngine(model), HEADS, rendered, part=part, per_head=per_head)
    for one, result in zip(rendered, results, strict=True):
        wanted = expected(reference, model.windows, one, part, per_head=per_head)
        assert set(result) == set(variant_columns()) == set(wanted)
        for name, value in wanted.items():
            assert result[name] == pytest.approx(value, rel=1e-5, abs=1e-6), name


@pytest.fixture(scope="module")
def reference(checkpoint):
    return {name: eager(checkpoint(name)) for name in ("llama", "mistral")}


@pytest.mark.parametrize("per_head", [False, True])
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", ["llama", "mistral"])
def test_every_variant_equals_plain_transformers(name, part, per_head, tiny, reference, samples):
    model = tiny(name)
    rendered = [render(s, model.tokenizer) for s in samples if len(s.completion) > 2]
    assert_equal(model, reference[name], rendered, part, per_head=per_head)


def test_the_sliding_window_of_that_test_is_shorter_than_its_texts(tiny, samples):
    model = tiny("mistral")
    window = model.windows[0]
    assert window is not None
    long = [s for s in samples if render(s, model.tokenizer).prompt_length > window]
    assert len(long) == len(samples) - 1


@pytest.mark.parametrize("source", ["generated", "gsm8k"])
def test_real_rows_under_the_bundled_model_equal_plain_transformers(source, bundled_model):
    reference = eager(bundled_dir("data") / MODELS["math-tiny"])
    rows = islice(read_samples([source]), 3)
    rendered = [render(sample, bundled_model.tokenizer) for sample in rows]
    assert len(rendered) == 3
    assert_equal(bundled_model, reference, rendered, "prompt", per_head=False)
    assert_equal(bundled_model, reference, rendered, "all", per_head=True)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", ["llama", "mistral"])
def test_a_score_does_not_depend_on_the_rest_of_the_batch(name, part, tiny, samples):
    model = tiny(name)
    rendered = [render(sample, model.tokenizer) for sample in samples]
    together = score_batch(HookedEngine(model), HEADS, rendered, part=part)
    for one, row in zip(rendered, together, strict=True):
        (alone,) = score_batch(HookedEngine(model), HEADS, [one], part=part)
        assert row == pytest.approx(alone, abs=1e-6, nan_ok=True)


def test_a_window_of_fewer_than_two_tokens_has_no_score(tiny_model, samples):
    rendered = [render(samples[0], tiny_model.tokenizer)]  # the solution is one token, "3"
    (row,) = score_batch(HookedEngine(tiny_model), HEADS, rendered, part="completion")
    assert all(np.isnan(value) for value in row.values())


def test_a_score_over_the_prompt_does_not_see_the_solution(tiny_model, samples):
    with_solution = [render(s, tiny_model.tokenizer) for s in samples]
    without = [render(s, tiny_model.tokenizer, prompt_only=True) for s in samples]
    rows = score_batch(HookedEngine(tiny_model), HEADS, with_solution, part="prompt")
    for row, other in zip(rows, score_batch(HookedEngine(tiny_model), HEADS, without), strict=True):
        assert row == pytest.approx(other, abs=1e-9)


@pytest.mark.parametrize("top", [0, 1, 2])
def test_no_block_above_the_circuits_last_layer_runs(top, tiny_model, samples):
    calls = [0] * tiny_model.n_layers
    handles = []
    for layer, block in enumerate(tiny_model.hooked.blocks):

        def count(*_, layer=layer):
            calls[layer] += 1

        handles.append(block.register_forward_hook(count))
    rendered = [render(sample, tiny_model.tokenizer) for sample in samples]
    try:
        score_batch(HookedEngine(tiny_model), [Head(0, 1), Head(top, 2)], rendered)
    finally:
        for handle in handles:
            handle.remove()
    assert calls == [1] * (top + 1) + [0] * (tiny_model.n_layers - top - 1)


def test_no_logits_are_made_that_nobody_reads(tiny_model, samples):
    """Not even where the circuit reaches into the last layer, after which the model ends."""
    positions = []
    handle = tiny_model.hooked.unembed.register_forward_hook(
        lambda _module, _args, logits: positions.append(logits.shape[1])
    )
    try:
        rendered = [render(sample, tiny_model.tokenizer) for sample in samples]
        score_batch(HookedEngine(tiny_model), [Head(tiny_model.n_layers - 1, 2)], rendered)
    finally:
        handle.remove()
    assert positions == [1]


def test_scoring_leaves_the_model_as_it_was(tiny_model, samples):
    ids = torch.tensor([render(samples[1], tiny_model.tokenizer).ids])
    with torch.no_grad():
        before = tiny_model.hooked(ids, return_type="logits")
        score_batch(
            HookedEngine(tiny_model), HEADS, [render(s, tiny_model.tokenizer) for s in samples]
        )
        assert torch.equal(tiny_model.hooked(ids, return_type="logits"), before)
