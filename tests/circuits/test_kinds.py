"""Previous-token and induction scores: patterns worked out by hand, and a head that is planted."""

from __future__ import annotations

import pytest
import torch

from workbench.circuits import head_kinds
from workbench.circuits.kinds import induction_share, previous_share
from workbench.engines import HookedEngine

N = 3
# A first token, then a text of three tokens that comes twice.
LENGTH = 1 + 2 * N


def looking(back: int) -> torch.Tensor:
    """A head that looks so many tokens back where there are so many, else at the first."""
    pattern = torch.zeros(1, 1, LENGTH, LENGTH)
    for query in range(LENGTH):
        pattern[0, 0, query, max(0, query - back)] = 1
    return pattern


def test_a_head_that_looks_one_back_is_a_previous_token_head_and_no_other():
    assert previous_share(looking(1)).item() == 1
    assert induction_share(looking(1), N).item() == 0


def test_a_head_that_looks_at_what_came_next_last_time_is_an_induction_head():
    """The second time begins at place 4; what came after its token the first time is at 2."""
    assert induction_share(looking(N - 1), N).item() == 1
    assert previous_share(looking(N - 1)).item() == pytest.approx(1 / (LENGTH - 1))


def test_a_head_that_rests_on_the_first_token_is_neither():
    resting = looking(LENGTH)
    assert previous_share(resting).item() == pytest.approx(1 / (LENGTH - 1))
    assert induction_share(resting, N).item() == 0


def test_every_head_of_a_model_gets_both_from_its_own_patterns(tiny_model):
    engine = HookedEngine(tiny_model)
    kinds = head_kinds(engine, n_rows=2, n_tokens=5)
    assert kinds.previous.shape == (tiny_model.n_layers, tiny_model.n_heads)
    assert ((kinds.previous > 0) & (kinds.previous < 1)).all()
    again = head_kinds(engine, n_rows=2, n_tokens=5)
    assert (kinds.induction == again.induction).all()
    assert (kinds.induction != head_kinds(engine, n_rows=2, n_tokens=5, seed=1).induction).any()


def test_sizes_of_values_are_those_that_the_heads_read(tiny_model):
    """The output of a head on the first token alone is the value there."""
    ids = torch.tensor([[5, 7, 9]])
    engine = HookedEngine(tiny_model)
    sizes = engine.value_sizes(ids, 1)
    outputs = engine.outputs(ids[:, :1], [1])[1]
    flat = outputs.reshape(1, 1, tiny_model.n_heads, -1)
    assert sizes.shape == (1, tiny_model.n_heads, 3)
    assert sizes[:, :, 0] == pytest.approx(flat.norm(dim=-1)[:, 0], rel=1e-5)
