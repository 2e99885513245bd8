"""The update's steps: which are kept, what stays as it was, and what an interruption leaves."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForCausalLM

from workbench.amplification import (
    Example,
    LoraMasters,
    RowMasters,
    UpdateOptions,
    adapted_names,
    components,
    last_logits,
    network_shape,
    plain_network,
    read_layout,
    run_steps,
)
from workbench.errors import InputError, WorkbenchError

EXAMPLES = [
    Example((7, 30, 41, 99, 100), desired=44, undesired=61),
    Example((12, 13), desired=50, undesired=51),
    Example((90, 91, 92, 93), desired=33, undesired=120),
]
KEPT = components({"query": [(1, 2)], "key": [(0, 1)], "value": [(2, 0)], "neuron": [(1, 7)]})


@pytest.fixture
def model(checkpoint):
    return plain_network(str(checkpoint("llama")))


def weights_of(model) -> dict[str, torch.Tensor]:
    return {n: p.detach().clone() for n, p in model.wrapped.named_parameters()}


def row_masters(model, dtype: torch.dtype = torch.float32) -> RowMasters:
    network = model.wrapped
    rows = read_layout(network, network_shape(network)).rows(KEPT)
    return RowMasters(network, rows, dict.fromkeys(rows, dtype))


def lora_masters(model) -> LoraMasters:
    pytest.importorskip("peft", reason="needs the extra `train`")
    from workbench.tuning import TuneOptions, with_lora

    adapted = with_lora(model.wrapped, TuneOptions(lora=True, lora_rank=2))
    return LoraMasters(adapted, dict.fromkeys(adapted_names(adapted), torch.float32))


def scripted(*values: float):
    """The accuracies in turn, whatever the network says."""
    left = list(values)
    return lambda: left.pop(0)


def test_the_kept_rows_take_plain_gradient_steps_and_nothing_else_moves(model, checkpoint):
    masters, before = row_masters(model), weights_of(model)
    options = UpdateOptions(steps=2, lrs=(0.01,), batch_size=3, every=2)
    history = run_steps(model, masters, EXAMPLES, options, accuracy=scripted(0.1, 0.9))
    assert history.best.step == 2
    assert history.state is not None
    # The same by hand, on another copy, with all weights asking for a gradient.
    other = AutoModelForCausalLM.from_pretrained(checkpoint("llama")).eval()
    rows = masters.rows
    for _ in range(2):
        other.zero_grad()
        gain = 0.0
        for example in EXAMPLES:
            logits = other(torch.tensor([example.prefix])).logits[0, -1]
            gain = gain + (logits[example.desired] - logits[example.undesired]) / len(EXAMPLES)
        gain.backward()
        with torch.no_grad():
            for name, weight in other.named_parameters():
                if name in rows:
                    index = rows[name].index
                    weight[index] += 0.01 * weight.grad[index]
    by_hand = dict(other.named_parameters())
    for name, state in history.state.items():
        expected = by_hand[name].detach()[rows[name].index]
        assert not torch.equal(state, before[name][rows[name].index])
        torch.testing.assert_close(state, expected, atol=1e-4, rtol=1e-4)
    masters.load(history.state)
    for name, weight in weights_of(model).items():
        outside = torch.ones(len(weight), dtype=torch.bool)
        if name in rows:
            outside[rows[name].index] = False
        assert torch.equal(weight[outside], before[name][outside])


def test_the_best_step_on_validation_is_kept_and_the_network_left_as_it_was(model):
    before = weights_of(model)
    options = UpdateOptions(steps=3, lrs=(0.01, 0.1), batch_size=3, every=1)
    accuracy = scripted(0.5, 0.4, 0.7, 0.6, 0.7, 0.7, 0.2)
    history = run_steps(model, row_masters(model), EXAMPLES, options, accuracy=accuracy)
    assert (history.best.lr, history.best.step) == (0.01, 2)
    assert [(p.lr, p.step) for p in history.points][3:5] == [(0.01, 3), (0.1, 1)]
    short = UpdateOptions(steps=2, lrs=(0.01,), batch_size=3, every=2)
    same = run_steps(model, row_masters(model), EXAMPLES, short, accuracy=scripted(0.0, 1.0))
    assert history.state is not None
    assert same.state is not None
    assert all(torch.equal(history.state[name], same.state[name]) for name in same.state)
    assert all(torch.equal(w, before[name]) for name, w in weights_of(model).items())


def test_a_tie_with_the_unchanged_model_changes_nothing(model):
    options = UpdateOptions(steps=2, lrs=(0.01,), every=1)
    history = run_steps(
        model, row_masters(model), EXAMPLES, options, accuracy=scripted(0.5, 0.5, 0.4)
    )
    assert history.best.step == 0
    assert history.state is None


def test_masters_are_float32_whatever_the_weights_are_stored_in(model):
    """Steps far below what bfloat16 tells apart add up; the network holds the rounded rows."""
    masters = row_masters(model, torch.bfloat16)
    name = next(iter(masters.masters))
    masters.reset()
    first = masters.state()[name].clone()
    for _ in range(200):
        masters.weights[name].grad = torch.ones_like(masters.weights[name])
        masters.step(1e-4)
        assert masters.masters[name].dtype == torch.float32
    moved = masters.first[name].float() - masters.masters[name]
    torch.testing.assert_close(moved, torch.full_like(moved, 0.02), atol=1e-4, rtol=0)
    assert not torch.equal(masters.state()[name], first)
    shown = masters.rows[name].of(masters.weights[name].detach())
    assert torch.equal(shown, masters.masters[name].to(torch.bfloat16).float())


class StoppedError(Exception):
    """Someone pulled the plug."""


@pytest.mark.parametrize("masters_of", [row_masters, lora_masters])
def test_an_interrupted_update_goes_on_to_the_same_state(masters_of, checkpoint, tmp_path):
    options = UpdateOptions(steps=4, lrs=(0.01, 0.02), every=2, batch_size=2)
    accuracies = [0.1, 0.2, 0.3, 0.3, 0.5]

    def fresh_model():
        return plain_network(str(checkpoint("llama")))

    model = fresh_model()
    fresh = run_steps(model, masters_of(model), EXAMPLES, options, accuracy=scripted(*accuracies))
    path, steps = tmp_path / "checkpoint.safetensors", []

    def until_the_seventh(done, _total, _text):
        steps.append(done)
        if done == 7:
            raise StoppedError

    model = fresh_model()
    with pytest.raises(StoppedError):
        run_steps(
            model,
            masters_of(model),
            EXAMPLES,
            options,
            accuracy=scripted(*accuracies[:4]),
            checkpoint=path,
            on_progress=until_the_seventh,
        )
    model, steps = fresh_model(), []
    resumed = run_steps(
        model,
        masters_of(model),
        EXAMPLES,
        options,
        accuracy=scripted(accuracies[4]),
        checkpoint=path,
        on_progress=lambda done, _total, _text: steps.append(done),
    )
    assert steps == [7, 8]
    assert resumed.points == fresh.points
    assert resumed.best == fresh.best
    assert fresh.state is not None
    assert resumed.state is not None
    assert all(torch.equal(resumed.state[name], fresh.state[name]) for name in fresh.state)


def test_an_adapter_changes_nothing_at_first_and_is_merged_for_validation(model):
    rows = [example.prefix for example in EXAMPLES]
    clean, before = last_logits(model, rows), weights_of(model)
    masters = lora_masters(model)
    assert len(masters.layers) == 3 * 7
    torch.testing.assert_close(last_logits(model, rows), clean)
    assert all(torch.equal(masters.state()[name], before[name]) for name in masters.layers)
    for _ in range(3):
        (-last_logits(model, rows)[:, 44].mean()).backward()
        masters.step(1e-2)
    beside = last_logits(model, rows).detach()
    with masters.as_stored(), torch.no_grad():
        merged = last_logits(model, rows)
    assert float((beside - clean).abs().max()) > 0.1
    torch.testing.assert_close(merged, beside, atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(last_logits(model, rows), beside, atol=0, rtol=0)


def test_steps_that_are_too_large_end_in_words(model):
    options = UpdateOptions(steps=30, lrs=(1e38,), every=30)
    with pytest.raises(WorkbenchError, match="pass a smaller --lr"):
        run_steps(model, row_masters(model), EXAMPLES, options, accuracy=scripted(0.5))


@pytest.mark.parametrize("wrong", [{"variant": "luck"}, {"steps": 0}, {"lrs": (0.0,)}])
def test_what_cannot_be_asked(wrong):
    with pytest.raises(InputError, match="expected"):
        UpdateOptions(**wrong)
