"""Every kind of ablation against hooks written out by hand, on both engines, and while decoding."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch

from workbench.ablation import (
    KINDS,
    decode_sets,
    iter_importance,
    mean_outputs,
    other_sample,
    preparation,
    prepare,
    set_effects,
)
from workbench.engines import FusedEngine, HookedEngine, decode, sample_losses
from workbench.errors import InputError
from workbench.models import hooks, outputs_hook, render
from workbench.names import ABLATED
from workbench.options import HeadsOptions, records
from workbench.types import Head

ENGINES = pytest.mark.parametrize("engine_class", [HookedEngine, FusedEngine])
EVERY_KIND = pytest.mark.parametrize("kind", list(KINDS))
HEAD, OTHER = Head(1, 2), Head(2, 0)


@pytest.fixture(scope="module")
def rows(tiny_model, samples):
    return [render(sample, tiny_model.tokenizer) for sample in samples]


def outputs_of(model, ids, layer):
    """What the heads of a layer write, `[pos, head, d_head]`, by a hook of the test's own."""
    seen = []
    name = outputs_hook(model.hooked, layer)
    with hooks(model, [(name, lambda z, hook: seen.append(z.clone()))]):
        model.hooked(torch.tensor([ids]), **model.pass_options)
    return seen[0].reshape(len(ids), model.n_heads, model.d_head)


def loss_with(model, row, head, put):
    """The row's loss with `put(pos, d_head)` in place of one head's output, by a plain hook."""

    def replace(z, hook):
        shape, z = z.shape, z.clone().reshape(1, -1, model.n_heads, model.d_head)
        z[0, :, head.head] = put(z.shape[1])
        return z.reshape(shape)

    with hooks(model, [(outputs_hook(model.hooked, head.layer), replace)]):
        return sample_losses(HookedEngine(model), [row], batches=[[0]])[0]


def measured(engine, rows, ablation):
    (batch,) = iter_importance(
        engine, rows, batches=[range(len(rows))], heads=[HEAD, OTHER], ablation=ablation
    )
    return batch


@ENGINES
def test_a_zeroed_head_writes_nothing(engine_class, tiny_model, rows):
    engine = engine_class(tiny_model)
    found = measured(engine, rows, prepare(engine, KINDS["zero"], rows))
    for i, row in enumerate(rows):
        expected = loss_with(tiny_model, row, HEAD, lambda n: torch.zeros(n, tiny_model.d_head))
        assert found.deltas[i, *HEAD] == pytest.approx(expected - found.base_loss[i], abs=1e-5)


@ENGINES
def test_a_head_at_its_mean_writes_the_mean_over_all_tokens_of_the_reference(
    engine_class, tiny_model, rows
):
    engine = engine_class(tiny_model)
    reference = rows[:3]
    every = torch.cat([outputs_of(tiny_model, row.ids, HEAD.layer) for row in reference])
    by_hand = every.double().mean(dim=0)[HEAD.head].float()
    means = mean_outputs(engine, [row.ids for row in reference])
    torch.testing.assert_close(means[HEAD.layer][HEAD.head], by_hand, atol=1e-5, rtol=0)
    found = measured(engine, rows, prepare(engine, KINDS["mean"], reference))
    for i, row in enumerate(rows):
        expected = loss_with(tiny_model, row, HEAD, lambda n: by_hand.expand(n, -1))
        assert found.deltas[i, *HEAD] == pytest.approx(expected - found.base_loss[i], abs=1e-5)


@ENGINES
def test_a_head_at_its_mean_of_each_position_writes_that_and_beyond_all_samples_its_mean(
    engine_class, tiny_model, rows, monkeypatch
):
    monkeypatch.setattr("workbench.ablation.reference.BATCH_TOKENS", 1)  # a batch a sample
    engine = engine_class(tiny_model)
    reference = sorted(rows, key=lambda row: len(row.ids))[:3]
    every = [outputs_of(tiny_model, row.ids, HEAD.layer)[:, HEAD.head] for row in reference]
    longest = max(map(len, every))
    assert len(set(map(len, every))) > 1
    assert longest < max(len(row.ids) for row in rows)
    means = [torch.stack([z[p] for z in every if len(z) > p]).mean(0) for p in range(longest)]
    put = torch.stack([*means, *[torch.cat(every).mean(0)] * 96])
    found = measured(engine, rows, prepare(engine, KINDS["position-mean"], reference))
    for i, row in enumerate(rows):
        expected = loss_with(tiny_model, row, HEAD, lambda n: put[:n])
        assert found.deltas[i, *HEAD] == pytest.approx(expected - found.base_loss[i], abs=1e-5)


@ENGINES
def test_a_resampled_head_writes_what_it_writes_on_another_sample_begun_again_where_that_ends(
    engine_class, tiny_model, rows
):
    engine = engine_class(tiny_model)
    ablation = prepare(engine, KINDS["resample"], rows, seed=3)
    found = measured(engine, rows, ablation)
    lengths = set()
    for i, row in enumerate(rows):
        other = other_sample([tuple(r.ids) for r in rows], tuple(row.ids), seed=3)
        assert other != tuple(row.ids)
        lengths.add(len(other) < len(row.ids))
        donor = outputs_of(tiny_model, other, HEAD.layer)[:, HEAD.head]
        expected = loss_with(
            tiny_model, row, HEAD, lambda n, donor=donor: donor[torch.arange(n) % len(donor)]
        )
        assert found.deltas[i, *HEAD] == pytest.approx(expected - found.base_loss[i], abs=1e-5)
    assert lengths == {True, False}  # cut and begun again were both seen


@EVERY_KIND
def test_both_engines_agree_and_a_set_of_one_head_costs_what_the_head_costs(kind, tiny_model, rows):
    found = []
    for engine in (HookedEngine(tiny_model), FusedEngine(tiny_model)):
        ablation = prepare(engine, KINDS[kind], rows)
        batch = measured(engine, rows, ablation)
        effects = set_effects(
            engine, rows, [(), (HEAD,)], batches=[range(len(rows))], ablation=ablation
        )
        np.testing.assert_allclose(
            effects.loss[1] - effects.loss[0], batch.deltas[:, *HEAD], atol=1e-5
        )
        found.append(batch.deltas[:, *HEAD])
    np.testing.assert_allclose(found[0], found[1], atol=2e-5)
    assert np.abs(found[0]).max() > 1e-4


@EVERY_KIND
@ENGINES
def test_a_rows_cost_does_not_depend_on_its_batch(engine_class, kind, tiny_model, rows):
    engine = engine_class(tiny_model)
    ablation = prepare(engine, KINDS[kind], rows)
    together = measured(engine, rows, ablation)
    for i in range(len(rows)):
        (alone,) = iter_importance(engine, rows, batches=[[i]], heads=[HEAD], ablation=ablation)
        assert alone.deltas[0, *HEAD] == pytest.approx(together.deltas[i, *HEAD], abs=1e-5)


@EVERY_KIND
def test_decoding_under_sets_is_that_of_each_set_alone_without_a_cache(
    kind, tiny_model, rows, monkeypatch
):
    prompts = [row.ids[:n] for row, n in zip(rows, (9, 9, 14, 6, 11, 8), strict=True)]
    sets, asked = [(), (HEAD,), (HEAD, OTHER)], {"max_new_tokens": 5, "stop_ids": ()}
    found = {}
    for engine_class in (HookedEngine, FusedEngine):
        engine = engine_class(tiny_model)
        ablation = prepare(engine, KINDS[kind], rows)
        found[engine_class] = decode_sets(engine, prompts, sets, ablation=ablation, **asked)
    assert found[HookedEngine] == found[FusedEngine]
    assert found[HookedEngine][0] == decode(HookedEngine(tiny_model), prompts, **asked)
    monkeypatch.setattr(HookedEngine, "new_cache", lambda engine: None)
    engine = HookedEngine(tiny_model)
    ablation = prepare(engine, KINDS[kind], rows)
    for number, heads in enumerate(sets):
        (alone,) = decode_sets(engine, prompts, [heads], ablation=ablation, **asked)
        assert alone == found[HookedEngine][number]


def test_a_reference_that_is_too_small_is_refused(tiny_model, rows):
    engine = HookedEngine(tiny_model)
    with pytest.raises(InputError, match=r"1 different reference samples are too few .* two"):
        prepare(engine, KINDS["resample"], [rows[0], rows[0]])
    with pytest.raises(InputError, match="no reference samples"):
        prepare(engine, KINDS["mean"], [])


def test_every_kind_says_what_it_does_and_is_in_the_table_by_its_name():
    for name, kind in KINDS.items():
        assert kind.name == name
        assert len(kind.note) > 20
        assert kind.at in ("pattern", "output")
        assert len(ABLATED[name].how) > 10


def test_the_kinds_named_for_a_light_import_are_those_there_are():
    assert list(ABLATED) == list(KINDS)
    (record,) = records(HeadsOptions, "ablation")
    assert list(record.choices) == list(KINDS)
    assert all(name.how in record.help for name in ABLATED.values())
    assert len({name.state for name in ABLATED.values()}) == len(KINDS)


@pytest.mark.parametrize("kind", ["mean", "position-mean"])
def test_pieces_that_are_sent_to_an_engine_share_one_pass_over_the_reference(
    kind, tiny_model, rows, monkeypatch
):
    engine, batches = HookedEngine(tiny_model), []
    outputs = engine.outputs
    monkeypatch.setattr(engine, "outputs", lambda *asked: batches.append(1) or outputs(*asked))
    sent = pickle.dumps(preparation(KINDS[kind], rows[:3]))
    first, second = (measured(engine, rows, pickle.loads(sent)(engine)) for _ in range(2))
    assert len(batches) == 1
    np.testing.assert_array_equal(first.deltas, second.deltas)
    other = measured(engine, rows, preparation(KINDS[kind], rows[3:])(engine))
    assert len(batches) == 2
    assert (other.deltas != second.deltas)[:, HEAD.layer, HEAD.head].any()
    assert len(engine.kept) == 1
