"""Side effects of an update, held against plain `transformers` on the bundled model."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from workbench.amplification.measures import CALCULATION, calculations, retrieval, text_loss
from workbench.bundled import bundled_dir
from workbench.data import read_samples
from workbench.engines import HookedEngine
from workbench.models import render
from workbench.types import Message, Sample


@pytest.fixture(scope="module")
def plain():
    folder = bundled_dir("data") / "models" / "math-tiny"
    return AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").eval()


@pytest.fixture(scope="module")
def problems():
    return list(read_samples(["generated"]))[:12]


@torch.no_grad()
def logits_of(plain, ids):
    return plain(torch.tensor([ids])).logits[0]


def test_calculations_are_found_by_operation_with_their_result():
    text = "So 3 + 4 = 7, 10 - 12 = -2 and 6 × 2 = 12. Not 1.5 = 1.5, nor x = 4."
    assert [(m[1], m[2]) for m in CALCULATION.finditer(text)] == [
        *(("+", "7"), ("-", "-2")),
        ("×", "12"),
    ]


def test_a_calculation_is_right_if_every_token_of_its_result_is_the_likeliest(
    bundled_model, plain, problems
):
    expected: dict[str, list[bool]] = {}
    for sample in problems:
        rendered = render(sample, bundled_model.tokenizer)
        best = logits_of(plain, rendered.ids).argmax(-1).tolist()
        chars, inside = rendered.char_spans(), rendered.counted("completion")
        for match in re.finditer(r"(\d+) ([-+*]) (\d+) = (\d+)", sample.completion):
            start, end = match.span(4)
            places = [
                t
                for t in np.flatnonzero(inside)
                if chars[t, 0] < end and chars[t, 1] > start and chars[t, 1] > chars[t, 0]
            ]
            right = all(best[t - 1] == rendered.ids[t] for t in places)
            expected.setdefault(match[2], []).append(right)
    found = calculations(HookedEngine(bundled_model), problems)
    assert found == {
        sign: {"n": len(right), "right": sum(right)} for sign, right in sorted(expected.items())
    }
    assert sum(each["n"] for each in found.values()) > 12


def test_wrong_results_are_counted_as_wrong(bundled_model, problems):
    """The same solutions with results that the model would not write."""
    wrong = []
    for sample in problems:
        text = re.sub(r"= (\d+)", lambda m: f"= {(int(m[1]) + 7) % 100}", sample.completion)
        messages = (Message("user", sample.prompt), Message("assistant", text))
        wrong.append(Sample(sample.row_id, 0, "tests", "messages", messages))
    found = calculations(HookedEngine(bundled_model), wrong)
    assert sum(each["right"] for each in found.values()) <= 0.1 * sum(
        each["n"] for each in found.values()
    )


def test_the_loss_on_text_is_that_of_transformers(bundled_model, plain):
    texts = [s for s in read_samples(["text"]) if len(s.text or "") < 700][:4]
    losses = []
    for sample in texts:
        ids = render(sample, bundled_model.tokenizer).ids
        logits = logits_of(plain, ids)[:-1]
        losses.append(torch.nn.functional.cross_entropy(logits, torch.tensor(ids[1:])).item())
    assert text_loss(HookedEngine(bundled_model), texts) == pytest.approx(np.mean(losses), abs=1e-4)


def test_values_are_retrieved_by_key(bundled_model):
    """On the bundled model, which has learnt to."""
    texts = [s.text for s in read_samples(["text"]) if s.text][:200]
    found = retrieval(HookedEngine(bundled_model), texts, n=6, limit=None)
    assert (found["n"], found["reason"]) == (6, "")
    assert 0 <= found["exact"] <= 1
    # Far below the loss of text that it cannot look up.
    assert found["loss"] < 0.3 * (
        text_loss(HookedEngine(bundled_model), list(read_samples(["text"]))[:8]) or 0
    )
