"""Ids that have been seen, as a set of them would say, in a sixteenth of the memory."""

from __future__ import annotations

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from workbench.data.seen import FIRST_PLACES, SeenIds


@given(st.lists(st.text(st.characters(exclude_categories=()), max_size=3), max_size=80))
def test_an_id_is_new_once(texts):
    seen, known = SeenIds(), set()
    for text in texts:
        assert seen.add(text) == (text not in known)
        known.add(text)


def test_growing_forgets_nothing_and_takes_few_bytes_an_id():
    n_ids = 4 * FIRST_PLACES
    tracemalloc.start()
    try:
        seen = SeenIds()
        assert all(seen.add(f"row-{i}") for i in range(n_ids))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert not any(seen.add(f"row-{i}") for i in range(n_ids))
    # 16 bytes a place, between 0.3 and 0.6 of the places taken.
    assert held / n_ids < 16 / 0.3 + 1
