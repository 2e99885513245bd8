"""Labels as numbers: categories are what the same texts would be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.data import label_text
from workbench.selection.labels import coded, counted, label_texts

TEXTS = st.lists(st.sampled_from(["b", "a", "(none)", "Z", "é", None]), min_size=1)


@given(TEXTS)
def test_categories_have_the_labels_of_their_texts(values):
    texts = pd.Series(values, dtype=object)
    expected = ["(none)" if value is None else value for value in values]
    for column in (texts, texts.astype("category")):
        assert label_texts(column, str).tolist() == expected


@given(TEXTS)
def test_codes_are_places_among_the_sorted_labels(values):
    found = label_texts(pd.Series(values, dtype=object), str)
    names, codes = coded(pd.Series(found))
    assert names == sorted(set(found))
    assert [names[code] for code in codes] == list(found)
    assert coded(list(found))[0] == names


@pytest.mark.parametrize(
    ("values", "text", "labels"),
    [
        ([3.0, None, 2.5], str, ["3.0", "(none)", "2.5"]),
        ([3.0, None, 2.5], label_text, ["3", "(none)", "2.5"]),
        ([1, True, "1"], str, ["1", "True", "1"]),
        ([0.0, -0.0], str, ["0.0", "-0.0"]),
    ],
)
def test_what_is_no_text_is_a_label_value_by_value(values, text, labels):
    kind = object if any(isinstance(value, str) for value in values) else None
    assert label_texts(pd.Series(values, dtype=kind), text).tolist() == labels


def test_statuses_are_counted_and_categories_that_no_row_has_are_not():
    kinds = pd.Categorical.from_codes(np.array([1, 0, 1]), ["ok", "failed", "unused"])
    assert counted(pd.Series(kinds)) == {"failed": 2, "ok": 1}
    assert list(counted(["b", "a", "b"]).items()) == [("a", 1), ("b", 2)]
