"""Shards by rows and by text: all rows once, in order; long ones in smaller shards."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workbench.scoring import SHARD_ROWS, shards
from workbench.scoring.sharding import SHARD_CHARACTERS
from workbench.types import BadRow, Message, Sample


def row_of(number: int, length: int) -> Sample:
    half = length // 2
    said = (Message("user", "a" * half), Message("assistant", "b" * (length - half)))
    return Sample(f"r{number}", number, "made", "messages", said)


def test_short_rows_stand_by_the_number_of_rows():
    rows = [row_of(i, 100) for i in range(2 * SHARD_ROWS + 3)]
    assert [len(shard) for shard in shards(rows)] == [SHARD_ROWS, SHARD_ROWS, 3]


def test_long_rows_stand_by_their_text_and_one_that_is_too_long_alone():
    third = SHARD_CHARACTERS // 3
    lengths = [third, third, third, third, 2 * SHARD_CHARACTERS, 10, 10]
    found = [len(shard) for shard in shards([row_of(i, n) for i, n in enumerate(lengths)])]
    assert found == [3, 1, 1, 2]


@given(st.lists(st.integers(0, SHARD_CHARACTERS), max_size=12), st.integers(1, 4))
def test_every_row_stands_once_and_in_order(lengths, most):
    rows = [row_of(i, n) for i, n in enumerate(lengths)]
    found = list(shards(rows, most=most))
    assert [row for shard in found for row in shard] == rows
    assert all(1 <= len(shard) <= most for shard in found)


def test_a_row_that_cannot_be_read_weighs_nothing():
    bad = BadRow("r", 0, "made", "no prompt")
    assert [len(shard) for shard in shards([bad] * 5, most=3)] == [3, 2]
