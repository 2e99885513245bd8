"""What a saved selection is called on the page, whatever it was asked by."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from apps.views.select.preview import title_of

ASKED = {
    "policy": "top",
    "fraction": None,
    "n": None,
    "tokens": None,
    "adjust": "none",
    "group_by": None,
}


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"fraction": 0.1}, "top · fraction 0.1 · 1a2b3c4d"),
        ({"quota": ["source=a:3", "source=b:4"]}, "top · source=a:3 · source=b:4 · 1a2b3c4d"),
        (
            {"n": 5, "group_by": "source", "max_per_group": 2},
            "top · n 5 · by source · at most 2 a group · 1a2b3c4d",
        ),
        ({"n": 5, "near_duplicates": 0.8}, "top · n 5 · none 0.8 alike · 1a2b3c4d"),
    ],
)
def test_a_selection_is_titled_by_what_was_asked(asked, words):
    run: Any = SimpleNamespace(manifest={"config": ASKED | asked}, name="select-top-1a2b3c4d")
    assert title_of(run) == words
