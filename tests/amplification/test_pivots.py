"""Pivotal tokens worked out by hand."""

import pytest

from workbench.amplification.pivots import fork_of


@pytest.mark.parametrize(
    ("greedy", "sampled", "place"),
    [
        ([1, 2, 3], [1, 5, 3], 1),
        ([4, 2], [1, 2], 0),
        ([1, 2, 3], [1, 2], None),
        ([1, 2], [1, 2, 3], None),
        ([7, 7, 7, 8], [7, 7, 7, 9, 1], 3),
    ],
)
def test_the_prefix_rule_finds_the_first_difference(greedy, sampled, place):
    assert fork_of(greedy, sampled) == place
    assert fork_of(sampled, greedy) == place
