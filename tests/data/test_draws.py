"""Draws depend on the seed alone, and rows that heads were found on are told from the others."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from workbench.data import draw, read_usable, unseen
from workbench.errors import InputError
from workbench.types import Sample

ROWS = [Sample(f"row-{i}", i, "here", "text", text="one") for i in range(20)]
NOTHING: frozenset[str] = frozenset()


def test_a_draw_keeps_the_order_of_the_rows_and_repeats():
    chosen = draw(ROWS, 5, seed=3)
    assert chosen == draw(ROWS, 5, seed=3)
    assert [row.row_index for row in chosen] == sorted({row.row_index for row in chosen})
    assert len(chosen) == 5
    assert chosen != draw(ROWS, 5, seed=4)
    assert draw(ROWS, 99, seed=3) == ROWS


def test_rows_that_were_seen_are_left_out_where_others_remain():
    seen = frozenset({"row-0", "row-1"})
    assert unseen(ROWS, exclude=NOTHING, seen=seen) == (ROWS[2:], True)
    assert unseen(ROWS[:2], exclude=NOTHING, seen=seen) == (ROWS[:2], False)
    assert unseen(ROWS, exclude=frozenset({"row-0"}), seen=None) == (ROWS[1:], None)
    with pytest.raises(InputError, match="all 2 rows are left out"):
        unseen(ROWS[:2], exclude=seen, seen=None)


def test_rows_that_cannot_be_read_are_counted_and_only_they_is_an_error(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps({"id": "a", "text": "one"}) + "\n{broken\n", encoding="utf-8")
    left_out: Counter[str] = Counter()
    assert [row.row_id for row in read_usable([str(path)], left_out=left_out)] == ["a"]
    assert left_out == {"malformed": 1}
    path.write_text("{broken\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"none of the 1 rows of .*rows\.jsonl can be read"):
        read_usable([str(path)])
