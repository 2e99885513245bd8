"""The loss is TRL's, it starts at the workbench's own loss, and a pause changes nothing."""

from __future__ import annotations

import copy
import dataclasses
import logging
import sys
from functools import cache

import numpy as np
import pytest
import torch

from tests.tuning.exports import ROWS
from workbench.data import to_sample
from workbench.engines import HookedEngine, sample_losses
from workbench.errors import InputError, WorkbenchError
from workbench.models import load_plain, render
from workbench.tuning import (
    Training,
    TuneOptions,
    make_examples,
    merged,
    require_extra,
    train,
    with_lora,
)
from workbench.tuning.batches import Collator, as_dataset
from workbench.tuning.checkpoint import load_checkpoint
from workbench.tuning.trainer import build_trainer

pytest.importorskip("trl", reason="needs the extra `train`")

OPTIONS = TuneOptions(max_steps=6, batch_size=4, lr=1e-3)
HALVES = dataclasses.replace(OPTIONS, batch_size=2, accumulate=2)
ADAPTER = dataclasses.replace(OPTIONS, lora=True, lr=1e-2)


@pytest.fixture(scope="module")
def examples(tiny_model):
    samples = [to_sample(row, i, "tests") for i, row in enumerate(ROWS)]
    return make_examples(samples, tiny_model.tokenizer, n_ctx=96).rows


@pytest.fixture(scope="module")
def tune(checkpoint, examples, tmp_path_factory):
    """`tune(options)`: the model after training from scratch, and the loss curve."""
    nowhere = tmp_path_factory.mktemp("nowhere") / "none"

    def run(
        options=OPTIONS, *, name="llama", rows=examples, weighted=False, dtype=torch.float32, **more
    ):
        model, tokenizer = load_plain(str(checkpoint(name)))
        model = model.to(dtype)
        torch.manual_seed(99)  # what came before must not matter
        if options.lora:
            model = with_lora(model, options)
        how = {"checkpoint": nowhere, "digest": "here", "checkpoint_every": 99} | more
        return model, train(model, tokenizer, rows, options, Training(**how), weighted=weighted)

    return run


@pytest.fixture(scope="module")
def unbroken(tune):
    """The same, done once for each question."""

    @cache
    def run(options=OPTIONS, name="llama", weighted=False, dtype=torch.float32):
        return tune(options, name=name, weighted=weighted, dtype=dtype)

    return run


def parameters(model) -> dict[str, torch.Tensor]:
    return {name: p.detach() for name, p in model.named_parameters()}


def assert_equal(one, other) -> None:
    for name, value in parameters(one).items():
        assert torch.equal(value, parameters(other)[name]), name


def loss_and_gradients(checkpoint, examples, tmp_path, *, weighted):
    """Of the first batch, as TRL's `compute_loss` and `backward` have them."""
    model, tokenizer = load_plain(str(checkpoint("llama")))
    training = Training(tmp_path / "none", "here")
    trainer = build_trainer(
        model,
        tokenizer,
        examples,
        OPTIONS,
        training,
        weighted=weighted,
        folder=str(tmp_path),
    )
    rows = as_dataset(examples, weighted=weighted)
    batch = Collator(0)([rows[i] for i in range(len(rows))])
    # As if another batch of 10 targets belonged to the same step.
    n_targets = torch.tensor(sum(e.n_targets for e in examples) + 10)
    loss = trainer.compute_loss(model, batch, num_items_in_batch=n_targets)
    loss.backward()
    return loss.detach(), {name: p.grad for name, p in model.named_parameters()}


def test_weight_one_everywhere_is_the_plain_loss_of_trl(checkpoint, examples, tmp_path):
    plain, plain_gradients = loss_and_gradients(checkpoint, examples, tmp_path, weighted=False)
    one, gradients = loss_and_gradients(checkpoint, examples, tmp_path, weighted=True)
    assert float(one) == pytest.approx(float(plain), abs=1e-6)
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, plain_gradients[name], atol=1e-6, rtol=0)


def test_the_first_loss_is_the_loss_that_scores_and_probes_measure(tune, tiny_model, examples):
    samples = [to_sample(row, i, "tests") for i, row in enumerate(ROWS)]
    rows = make_examples(samples, tiny_model.tokenizer, n_ctx=96, end_token=False).rows
    _, curve = tune(dataclasses.replace(OPTIONS, batch_size=len(rows), max_steps=1), rows=rows)
    rendered = [render(sample, tiny_model.tokenizer) for sample in samples]
    losses = sample_losses(HookedEngine(tiny_model), rendered, batches=[range(len(rows))])
    n_targets = np.array([row.n_targets for row in rows])
    assert curve[0]["loss"] == pytest.approx((losses * n_targets).sum() / n_targets.sum(), abs=1e-5)


def test_a_few_steps_lower_the_loss_on_the_rows(unbroken):
    _, curve = unbroken()
    losses = [record["loss"] for record in curve]
    # Two steps are a round over the eight rows.
    assert sum(losses[4:]) < sum(losses[:2]) - 0.2
    assert [record["step"] for record in curve] == [1, 2, 3, 4, 5, 6]
    rates = [record["learning_rate"] for record in curve]
    assert rates == pytest.approx([1e-3 * left / 6 for left in (6, 5, 4, 3, 2, 1)])


def test_the_same_seed_gives_the_same_weights_and_tells_nobody(unbroken, tune, monkeypatch):
    import trl.trainer.base_trainer as base

    def tell(**_facts):
        raise AssertionError("TRL sends telemetry")

    monkeypatch.setattr(base, "send_telemetry", tell)
    monkeypatch.delenv("CI", raising=False)
    heard = []
    again, curve = tune(on_progress=lambda *event: heard.append(event))
    assert_equal(again, unbroken()[0])
    assert curve == unbroken()[1]
    assert [done for done, _, _ in heard] == list(range(7))
    assert {total for _, total, _ in heard} == {6}
    assert heard[3][2].startswith("step 3, loss ")


def test_another_seed_begins_with_other_rows(unbroken, tune):
    _, curve = tune(dataclasses.replace(OPTIONS, seed=1, max_steps=1))
    assert curve[0]["loss"] != unbroken()[1][0]["loss"]


def test_two_half_batches_make_one_step(unbroken):
    """In float64: in float32 AdamW turns the rounding of a gradient near 0 into a step."""
    whole, curve = unbroken(dtype=torch.float64)
    halves, half_curve = unbroken(HALVES, weighted=True, dtype=torch.float64)
    assert len(half_curve) == len(curve)
    for one, other in zip(curve, half_curve, strict=True):
        assert one["loss"] == pytest.approx(other["loss"], abs=1e-5)
    for name, value in parameters(whole).items():
        torch.testing.assert_close(value, parameters(halves)[name], atol=1e-5, rtol=0)


def test_a_heavier_step_is_learnt_faster(tune, examples):
    """Tokens 1-4 of every answer with weight 1.9, the rest low: theirs is the loss that falls."""

    def leaning(example, early):
        places = np.flatnonzero(example.is_target)
        weights = np.zeros(len(example.ids))
        weights[places] = np.where(np.arange(len(places)) < 4, *((9, 1) if early else (1, 9)))
        return dataclasses.replace(example, weights=weights / weights[places].mean())

    def early_loss(model):
        batch = Collator(0)([as_dataset(examples, weighted=False)[i] for i in range(8)])
        with torch.no_grad():
            logits = model(batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        chances = logits.log_softmax(-1)
        return -float(
            sum(
                chances[i, place - 1, example.ids[place]]
                for i, example in enumerate(examples)
                for place in np.flatnonzero(example.is_target)[:4]
            )
        )

    rows = [[leaning(example, early) for example in examples] for early in (True, False)]
    few = dataclasses.replace(OPTIONS, max_steps=3)
    early, late = (tune(few, rows=tuple(chosen), weighted=True)[0] for chosen in rows)
    assert early_loss(early) < early_loss(late)


class StoppedError(Exception):
    """Stands for a kill."""


def stop_at(step):
    def tell(done, _total, _text):
        if done == step:
            raise StoppedError

    return tell


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_a_resumed_training_ends_as_an_unbroken_one(name, unbroken, tune, tmp_path):
    """GPT-2 has dropout, so its random numbers must go on where they stopped."""
    whole, curve = unbroken(HALVES, name, weighted=True)
    state = {"checkpoint": tmp_path / "state.safetensors", "checkpoint_every": 3}
    with pytest.raises(StoppedError):
        tune(HALVES, name=name, weighted=True, on_progress=stop_at(5), **state)
    left = load_checkpoint(state["checkpoint"], digest="here")
    assert left is not None
    assert left.done == 3
    resumed, resumed_curve = tune(HALVES, name=name, weighted=True, **state)
    assert_equal(resumed, whole)
    assert resumed_curve == curve


def test_a_resumed_adapter_ends_as_an_unbroken_one(unbroken, tune, tmp_path):
    whole, curve = unbroken(ADAPTER)
    state = {"checkpoint": tmp_path / "state.safetensors", "checkpoint_every": 2}
    with pytest.raises(StoppedError):
        tune(ADAPTER, on_progress=stop_at(3), **state)
    resumed, resumed_curve = tune(ADAPTER, **state)
    assert_equal(resumed, whole)
    assert resumed_curve == curve
    # An adapter's state is small: nothing that is frozen goes into it.
    names = load_checkpoint(state["checkpoint"], digest="here").tensors
    assert {n for n in names if n.startswith("parameter/")} == {
        n for n in names if n.startswith("parameter/") and "lora_" in n
    }


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_an_adapter_begins_as_the_model_itself_and_is_merged_into_it(name, unbroken, checkpoint):
    base, _ = load_plain(str(checkpoint(name)))
    adapted, curve = unbroken(ADAPTER, name)
    assert curve[-1]["loss"] < curve[0]["loss"]
    ids = torch.tensor([[2, 40, 41, 42, 3, 50]])
    with torch.no_grad():
        expected = adapted.eval()(ids).logits
        plain = merged(copy.deepcopy(adapted))
        torch.testing.assert_close(plain(ids).logits, expected, atol=1e-4, rtol=1e-4)
    assert set(plain.state_dict()) == set(base.state_dict())
    changed = [n for n, p in parameters(plain).items() if not torch.equal(p, parameters(base)[n])]
    assert changed
    # Linear layers only: neither embeddings nor norms nor the unembedding.
    assert not [n for n in changed if "norm" in n or "ln_" in n or "embed" in n or "lm_head" in n]


def test_recomputing_activations_changes_nothing(unbroken, tune):
    assert tune(ADAPTER, gradient_checkpointing=True)[1] == unbroken(ADAPTER)[1]


def test_bfloat16_keeps_the_trained_weights_in_float32(unbroken, tune):
    model, curve = tune(bfloat16=True)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert curve[-1]["loss"] == pytest.approx(unbroken()[1][-1]["loss"], abs=0.05)
    assert curve != unbroken()[1]


def test_a_loss_that_is_no_number_is_said_and_not_trained_on(tune):
    with pytest.raises(WorkbenchError, match=r"in step \d .*pass a smaller --lr"):
        tune(dataclasses.replace(OPTIONS, lr=1e30, max_grad_norm=1e30, max_steps=30))


@pytest.mark.parametrize("name", ["trl", "peft", "accelerate", "datasets"])
def test_a_missing_package_names_the_extra(name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=rf"'{name}'.*pip install circuit-workbench\[train\]"):
        require_extra()


def test_what_peft_brings_in_says_nothing_of_this_machine(monkeypatch, caplog):
    def imported(name):
        logging.getLogger("bitsandbytes.backends").warning("%s found no card", name)

    monkeypatch.setattr("workbench.tuning.extra.import_module", imported)
    # Whatever another test's model of few bits has left it at.
    caplog.set_level(logging.WARNING, "bitsandbytes")
    require_extra()
    assert caplog.records == []
    logging.getLogger("bitsandbytes").warning("afterwards it may speak")
    assert len(caplog.records) == 1
