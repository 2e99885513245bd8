"""Over how many directions a head's outputs spread: by hand, and row by row of a padded batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.support.checkpoints import write_checkpoint
from workbench.circuits import head_spread, participation_ratio
from workbench.engines import FusedEngine, HookedEngine
from workbench.models import load_model, render
from workbench.types import Message, Sample


def test_one_direction_is_1_and_two_alike_are_2_wherever_they_lie():
    line = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [3.0, 0.0]])
    square = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    assert float(participation_ratio(line[None])) == pytest.approx(1.0)
    assert float(participation_ratio(square[None] + 7)) == pytest.approx(2.0)


def test_unlike_directions_count_by_hand():
    """Variances 4 and 1 in two directions: (4 + 1)^2 / (16 + 1)."""
    cross = torch.tensor([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    assert float(participation_ratio(cross[None])) == pytest.approx(25 / 17)


def test_a_head_that_writes_always_the_same_has_none():
    assert participation_ratio(torch.ones(3, 5, 4)).tolist() == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("engine", [FusedEngine, HookedEngine])
def test_padding_has_no_part_in_it(engine, tmp_path):
    model = load_model(str(write_checkpoint("qwen2", tmp_path / "model")))
    texts = ["1+1?", "one more one more one more 1+1?"]
    rows = [
        render(Sample(text, 0, "made", "messages", (Message("user", text),)), model.tokenizer)
        for text in texts
    ]
    together = head_spread(engine(model), rows)
    alone = [head_spread(engine(model), [row]) for row in rows]
    np.testing.assert_allclose(together, np.mean(alone, axis=0), rtol=1e-5)
    assert (together > 1).all()
    assert (together < model.d_head).all()
