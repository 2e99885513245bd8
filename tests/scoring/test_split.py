"""A score falls apart into its tokens and its heads, and comes together again."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.scoring import VARIANTS, split_score

RECEIVED = np.array([[0.7, 0.2, 0.1], [0.2, 0.4, 0.4]])
UNIFORM = np.array([[0.6, 0.3, 0.1], [0.5, 0.3, 0.2]])


def test_a_split_worked_out_by_hand():
    """The mean is [.45, .3, .25], so beyond 1/3 stand 7/60, -2/60 and -5/60: squares 49, 4, 25."""
    split = split_score(RECEIVED, UNIFORM, "paper")
    assert split.tokens == pytest.approx(np.array([49, 4, 25]) / 78)
    # The first head beyond 1/3: 22, -8, -14 sixtieths; times the mean's: 154 + 16 + 70 = 240.
    assert split.heads == pytest.approx([240 / 156, 1 - 240 / 156])


@pytest.mark.parametrize("variant", list(VARIANTS))
@pytest.mark.parametrize("per_head", [True, False])
def test_the_parts_are_the_score(variant, per_head):
    split = split_score(RECEIVED, UNIFORM, variant, per_head=per_head)
    assert split.tokens.sum() == pytest.approx(1)
    assert split.heads.sum() == pytest.approx(1)
    own = [VARIANTS[variant](a, u) for a, u in zip(RECEIVED, UNIFORM, strict=True)]
    if per_head:
        assert split.heads == pytest.approx(np.array(own) / sum(own))
    else:
        whole = VARIANTS[variant](RECEIVED.mean(0), UNIFORM.mean(0))
        even = UNIFORM.mean(0)[0] if variant == "excess" else 1 / 3
        without = np.array([even, *RECEIVED.mean(0)[1:]])
        left = VARIANTS[variant](without, UNIFORM.mean(0))
        assert split.tokens[0] == pytest.approx(1 - left / whole)


def test_a_score_of_nothing_has_no_parts():
    assert split_score(UNIFORM, UNIFORM, "excess") is None
