"""The weighted loss is linear in its weights: a step's weight moves that step's gradient only."""

from __future__ import annotations

import math

import pytest
import torch

from workbench.tuning import weighted_loss

LABELS = torch.tensor([[-100, -100, 2, 0, 1, 1], [-100, 3, 3, -100, -100, -100]])


def logits() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 6, 4, generator=generator, requires_grad=True)


def gradient(weights: torch.Tensor) -> torch.Tensor:
    scores = logits()
    weighted_loss(scores, LABELS, weights).backward()
    assert scores.grad is not None
    return scores.grad


def test_two_tokens_worked_by_hand():
    # Probabilities 1/2 and 1/4 of the two targets: ln 2 with weight 1.5, ln 4 with weight 0.5.
    scores = torch.tensor([[[0.0, 0.0], [math.log(3), 0.0], [0.0, 0.0]]])
    labels = torch.tensor([[-100, 1, 1]])
    loss = weighted_loss(scores, labels, torch.tensor([[0.0, 1.5, 0.5]]))
    assert float(loss) == pytest.approx((1.5 * math.log(2) + 0.5 * math.log(4)) / 2)


def test_weights_of_one_give_the_mean_cross_entropy():
    scores = logits()
    plain = torch.nn.functional.cross_entropy(
        scores[:, :-1].flatten(0, 1), LABELS[:, 1:].flatten(), ignore_index=-100
    )
    torch.testing.assert_close(weighted_loss(scores, LABELS, torch.ones(2, 6)), plain)


def test_doubling_a_steps_weight_doubles_its_gradient_and_leaves_all_others_alone():
    weights = torch.ones(2, 6)
    doubled = weights.clone()
    doubled[0, [4, 5]] = 2.0
    before, after = gradient(weights), gradient(doubled)
    # The row of logits at t predicts token t + 1.
    torch.testing.assert_close(after[0, 3:5], 2 * before[0, 3:5])
    assert torch.equal(after[0, :3], before[0, :3])
    assert torch.equal(after[1], before[1])
    assert before[0, 1:5].abs().sum(-1).min() > 0
    assert before[0, 0].abs().sum() == before[0, 5].abs().sum() == 0


def test_the_gradient_is_linear_in_the_weights():
    generator = torch.Generator().manual_seed(1)
    one, other = torch.rand(2, 6, generator=generator), torch.rand(2, 6, generator=generator)
    mixed = gradient(0.3 * one + 1.7 * other)
    torch.testing.assert_close(mixed, 0.3 * gradient(one) + 1.7 * gradient(other))


def test_batches_of_one_step_add_up_to_the_step():
    scores, weights = logits(), torch.rand(2, 6)
    n_targets = int((LABELS[:, 1:] != -100).sum())
    parts = [
        weighted_loss(scores[i : i + 1], LABELS[i : i + 1], weights[i : i + 1], n_targets=n_targets)
        for i in range(2)
    ]
    torch.testing.assert_close(parts[0] + parts[1], weighted_loss(scores, LABELS, weights))


def test_a_batch_without_targets_has_the_loss_zero():
    nothing = torch.full((2, 6), -100)
    assert weighted_loss(logits(), nothing, torch.zeros(2, 6)).item() == 0.0
