"""Contribution, sink share and idle heads: a planted idle head, and figures worked out by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from tests.support.head_scores import six_heads
from workbench.ablation import KINDS, iter_importance, prepare
from workbench.circuits import HeadFacts, facts_passes, head_facts, leading_heads, with_facts
from workbench.circuits.facts import is_idle, sink_shares
from workbench.engines import FusedEngine, HookedEngine
from workbench.models import hooks, pattern_hook, render
from workbench.types import Head, HeadScore

HEADS = [Head(0, 1), Head(1, 2), Head(2, 3)]


@pytest.fixture(scope="module")
def rows(tiny_model, samples):
    return [render(sample, tiny_model.tokenizer) for sample in samples]


@pytest.mark.parametrize("engine_class", [HookedEngine, FusedEngine])
def test_facts_are_the_mean_ablation_and_the_first_column_of_the_patterns(
    engine_class, tiny_model, rows
):
    engine = engine_class(tiny_model)
    found = head_facts(engine, rows, HEADS)
    by_mean = prepare(engine, KINDS["mean"], rows)
    (batch,) = iter_importance(engine, rows, batches=[range(len(rows))], ablation=by_mean)
    for head in HEADS:
        seen = []
        for row in rows:
            look = (pattern_hook(head.layer), lambda p, hook, seen=seen: seen.append(p.clone()))
            with hooks(tiny_model, [look]):
                tiny_model.hooked(torch.tensor([row.ids]), **tiny_model.pass_options)
        sink = np.mean([float(p[0, head.head, :, 0].mean()) for p in seen])
        assert found[head].sink_share == pytest.approx(sink, abs=1e-5)
        expected = batch.deltas[:, *head].mean()
        assert found[head].contribution == pytest.approx(expected, abs=1e-5)


def test_a_head_whose_output_nobody_reads_is_idle_when_uniform_attention_would_cost(
    checkpoint, tmp_path, samples
):
    """Its output projection is zero but for what it would write if it looked at all tokens."""
    from transformers import AutoModelForCausalLM

    from workbench.models import load_model

    plain = AutoModelForCausalLM.from_pretrained(checkpoint("llama"))
    d_head = plain.config.hidden_size // plain.config.num_attention_heads
    with torch.no_grad():
        plain.model.layers[1].self_attn.o_proj.weight[:, 2 * d_head : 3 * d_head] = 0
    plain.save_pretrained(tmp_path / "silent")
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        if (source := checkpoint("llama") / name).is_file():
            (tmp_path / "silent" / name).write_bytes(source.read_bytes())
    model = load_model(str(tmp_path / "silent"), device="cpu")
    rows = [render(sample, model.tokenizer) for sample in samples]
    facts = head_facts(HookedEngine(model), rows, [Head(1, 2)])
    assert facts[Head(1, 2)].contribution == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("delta", "low", "contribution", "idle"),
    [
        (1.247, 1.1, 0.000, True),  # costs when uniform, contributes nothing
        (0.231, 0.2, 0.205, False),
        (0.047, 0.03, 0.024, False),
        (0.111, 0.08, -0.007, True),
        (0.020, -0.01, 0.000, False),  # the cost is not clear of 0
        (1.000, 0.05, 0.100, False),  # a tenth is not less than a tenth
    ],
)
def test_idle_means_a_cost_without_a_contribution(delta, low, contribution, idle):
    score = HeadScore(0, 0, delta, low, delta + 0.1, 1, True)
    assert is_idle(score, contribution) is idle


def test_the_circuit_and_as_many_next_heads_carry_facts_the_others_none():
    heads = six_heads()
    leading = leading_heads(heads)
    assert len(leading) == 2 * sum(h.selected for h in heads.heads)
    known = with_facts(heads, {head: HeadFacts(0.0, 0.9) for head in leading})
    for h in known.heads:
        measured = Head(h.layer, h.head) in leading
        assert (h.contribution is not None) == measured
        assert (h.sink_share == 0.9) == measured
        assert (h.idle is not None) == measured
    zero = with_facts(
        dataclasses.replace(heads, ablation="zero"), {leading[0]: HeadFacts(0.0, 0.9)}
    )
    assert {h.idle for h in zero.heads} == {None}


def test_facts_cost_a_few_per_cent_of_the_search():
    """300 samples of 28 x 12 heads: two passes and 34 heads on 64 samples, against 336 on all."""
    n_circuit, exact = 17, 1 + 12 * 29 / 2 * 1
    assert facts_passes(28, n_circuit, 300) / exact < 0.05


def test_sinks_sum_over_samples_of_different_lengths(tiny_model, rows):
    engine = HookedEngine(tiny_model)
    together = sink_shares(engine, rows, HEADS, batches=[range(len(rows))])
    alone = [sink_shares(engine, [row], HEADS, batches=[[0]]) for row in rows]
    np.testing.assert_allclose(together, np.mean(alone, axis=0), atol=1e-6)
