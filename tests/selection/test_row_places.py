"""The places of rows by their ids: as a dictionary would say, in a few bytes of each."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.selection.row_places import Awaited, RowPlaces
from workbench.selection.rows import marks_of
from workbench.selection.scored_rows import scored_rows

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=2), max_size=30)


def places_of(texts: list[str]) -> RowPlaces:
    return RowPlaces.of(pd.Series(texts, dtype=object))


@given(TEXTS, TEXTS)
def test_an_id_is_found_at_the_first_place_that_has_it(texts, others):
    places = places_of(texts)
    for text in [*texts, *others]:
        assert places.of_id(text) == (texts.index(text) if text in texts else None)
    assert places.repeat == (len(set(texts)) < len(texts))


def test_ids_of_one_hash_are_told_apart_by_their_text(monkeypatch):
    monkeypatch.setattr("workbench.selection.row_places.hash", lambda text: 7, raising=False)
    places = places_of(["a", "b", "c"])
    assert [places.of_id(text) for text in "cbad"] == [2, 1, 0, None]
    assert not places.repeat
    assert places_of(["a", "b", "a"]).repeat


def test_what_has_not_turned_up_is_told_in_the_order_of_the_table():
    awaited = Awaited(places_of(["b", "c", "a"]))
    assert awaited.take(1)
    assert not awaited.take(1)
    assert (awaited.n, awaited.ids()) == (2, ["b", "a"])


def test_a_score_that_is_missing_is_none():
    table = pd.DataFrame({"row_id": ["a", "b"], "score": [None, 2], "p": [0.5, 1], "rank": [2, 1]})
    marks = marks_of(table)
    assert [marks.at(place) for place in (0, 1)] == [(None, 0.5, 2), (2.0, 1.0, 1)]
    with pytest.raises(IndexError):
        marks.at(2)


def test_marks_and_contents_of_a_selection_take_few_bytes_a_row():
    n_rows = 20_000
    table = pd.DataFrame(
        {
            "row_id": [f"row-{i}" for i in range(n_rows)],
            "score": np.arange(n_rows) / 7,
            "p": 1 / n_rows,
            "rank": np.arange(n_rows),
            "row_sha256": [f"{i:032x}" for i in range(n_rows)],
        }
    ).astype({"row_id": "str", "row_sha256": "str"})
    tracemalloc.start()
    try:
        kept = marks_of(table), scored_rows(table, same_files=True)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(kept[0]) == n_rows
    # A hash and a place for each of both, and three numbers copied at most; ids are Arrow's.
    assert held / n_rows < 100
