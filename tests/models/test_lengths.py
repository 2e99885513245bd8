"""Models whose angles go by the length of a text: found by asking them, and never mixed.

The tiny Phi-3 (LongRoPE) and the tiny Llama (dynamic NTK) turn by other angles beyond 24 tokens.
`transformers` on each row alone is the reference.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from workbench.ablation import KINDS, decode_sets, iter_importance, prepare, set_effects
from workbench.engines import FusedEngine, HookedEngine, Memory, decode, sample_losses
from workbench.models import Model, load_model
from workbench.models.lengths import LengthRule, length_rule
from workbench.models.render import Rendered
from workbench.types import Head

ENGINES = pytest.mark.parametrize("kind", [HookedEngine, FusedEngine])
NAMES = pytest.mark.parametrize("name", ["longrope", "dynamic"])
LENGTHS = (12, 24, 25, 40, 40, 60)


@pytest.fixture(scope="module")
def model_of(checkpoint):
    """The loaded model and what `transformers` makes of its folder.

    The configuration of a dynamic rotation calls the switch the end of its context, where the
    workbench would stop reading: so this context is made longer.
    """
    found = {}

    def load(name: str) -> tuple[Model, torch.nn.Module]:
        if name not in found:
            model = load_model(str(checkpoint(name)), device="cpu", check=False)
            long = dataclasses.replace(model, n_ctx=96)
            reference = AutoModelForCausalLM.from_pretrained(checkpoint(name)).eval()
            found[name] = dataclasses.replace(long, lengths=length_rule(long)), reference
        return found[name]

    return load


def rows_of(lengths=LENGTHS) -> list[Rendered]:
    rng = np.random.default_rng(0)
    rows = [tuple(rng.integers(4, 260, n).tolist()) for n in lengths]
    return [rendered(row) for row in rows]


def rendered(ids: tuple[int, ...]) -> Rendered:
    return Rendered(ids, np.ones(len(ids), np.int8), is_text=True)


@torch.no_grad()
def losses_alone(reference, ids) -> torch.Tensor:
    logits = reference(torch.tensor([ids]), use_cache=False).logits[0].float()
    return torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(ids[1:]), reduction="none")


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("longrope", LengthRule(24, each=False)),
        ("dynamic", LengthRule(24, each=True)),
        ("llama", None),
        ("gpt2", None),
    ],
)
def test_the_rule_is_found_by_asking_the_model(name, rule, checkpoint):
    model = load_model(str(checkpoint(name)), device="cpu", check=False)
    assert length_rule(dataclasses.replace(model, n_ctx=96)) == rule
    within = rule if name == "longrope" else None
    assert model.lengths == within
    assert ("lengths" in model.facts) == (within is not None)


def test_groups_of_lengths():
    assert [LengthRule(24, each=False).group(n) for n in (1, 24, 25, 96)] == [0, 0, 25, 25]
    assert [LengthRule(24, each=True).group(n) for n in (1, 24, 25, 96)] == [0, 0, 25, 96]


def test_batches_are_parted_in_their_order():
    memory = Memory(LengthRule(24, each=False).group)
    pieces = memory.pieces([3, 1, 0, 2], [20, 10, 40, 30], lambda piece: len(piece))
    assert pieces == [([3], 1), ([1, 0], 2), ([2], 1)]
    assert memory.halvings == []


@NAMES
@ENGINES
def test_losses_are_those_of_each_row_alone(name, kind, model_of):
    model, reference = model_of(name)
    rows = rows_of()
    expected = [losses_alone(reference, row.ids).double().mean().item() for row in rows]
    for order in (range(len(rows)), range(len(rows))[::-1]):
        found = sample_losses(kind(model), rows, batches=[list(order)], part="all")
        np.testing.assert_allclose(found, expected, atol=2e-5)


@NAMES
@ENGINES
def test_rows_that_share_a_batch_all_the_same_would_have_other_losses(name, kind, model_of):
    """What the parted batches are there for."""
    model, _ = model_of(name)
    rows, batch = rows_of(), [list(range(len(LENGTHS)))]
    parted = sample_losses(kind(model), rows, batches=batch, part="all")
    mixed = sample_losses(
        kind(dataclasses.replace(model, lengths=None)), rows, batches=batch, part="all"
    )
    assert np.abs(parted - mixed).max() > 1e-3
    assert np.abs(parted - mixed)[-1] < 1e-5


@NAMES
@ENGINES
@pytest.mark.parametrize("ablation", ["uniform", "resample"])
def test_importance_and_sets_do_not_depend_on_the_batch(name, kind, ablation, model_of):
    model, _ = model_of(name)
    engine, rows = kind(model), rows_of()
    how = prepare(engine, KINDS[ablation], rows, seed=0)
    heads, sets = [Head(0, 1), Head(2, 3)], [(), (Head(0, 1), Head(1, 2))]
    whole = [list(range(len(rows)))]
    alone = [[i] for i in whole[0]]
    together = [*iter_importance(engine, rows, batches=whole, heads=heads, ablation=how)]
    single = [*iter_importance(engine, rows, batches=alone, heads=heads, ablation=how)]
    deltas = np.concatenate([found.deltas for found in single])
    np.testing.assert_allclose(together[0].deltas, deltas, atol=2e-5)
    found, expected = (
        set_effects(engine, rows, sets, batches=b, ablation=how) for b in (whole, alone)
    )
    np.testing.assert_allclose(found.loss, expected.loss, atol=2e-5)


@NAMES
@ENGINES
def test_decoding_across_the_switch_is_the_pass_over_the_whole_text(name, kind, model_of):
    model, reference = model_of(name)
    prompts = [rows_of((n,))[0].ids for n in (20, 22, 30)]
    decoded = decode(kind(model), prompts, max_new_tokens=8, stop_ids=())
    for prompt, new in zip(prompts, decoded, strict=True):
        text = list(prompt)
        for token in new:
            with torch.no_grad():
                logits = reference(torch.tensor([text]), use_cache=False).logits[0, -1]
            assert token == int(logits.argmax())
            text.append(token)
    sets = decode_sets(kind(model), prompts, [(), [Head(0, 1)]], max_new_tokens=8, stop_ids=())
    assert sets[0] == decoded


@ENGINES
def test_a_pass_does_not_depend_on_those_before_it(kind, model_of):
    """A dynamic rotation keeps the angles of the longest text; so would those that come after."""
    model, _ = model_of("dynamic")
    (row,), (long,) = rows_of((30,)), rows_of((60,))
    engine = kind(model)
    first = sample_losses(engine, [row], batches=[[0]], part="all")
    sample_losses(engine, [long], batches=[[0]], part="all")
    np.testing.assert_array_equal(sample_losses(engine, [row], batches=[[0]], part="all"), first)
