"""The form of the page Select: what a draw can be made free of, by what the scores have."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from apps.views.select.pool import PreviewPool
from tests.apps.conftest import open_page
from tests.selection.test_select import scores_table
from workbench.selection import select


def pool(**columns) -> PreviewPool:
    return PreviewPool(scores_table(30).assign(**columns), share=1.0, measures={})


def test_what_rows_differ_in_is_offered():
    loss, source = np.linspace(1, 2, 30), "one.jsonl"
    assert pool(loss=loss, source=source).properties == ["length", "loss"]
    assert pool(loss=np.nan, source=source).properties == ["length"]
    assert pool(loss=np.nan, loss_base=loss, level=loss, grade=1.0).properties == [
        *("length", "loss", "source", "level")
    ]


def test_every_adjustment_that_is_offered_can_be_drawn_by():
    offered = pool(loss=np.linspace(1, 2, 30), level=np.arange(30) % 3 * 1.0)
    names = offered.properties
    assert len(names) == 4
    for adjust in [*combinations(names, 1), *combinations(names, 2), names]:
        chosen = select(pd.DataFrame(offered.frame), policy="top", n=3, adjust=",".join(adjust))
        assert len(chosen.rows) == 3


def test_the_page_offers_what_its_scores_have(finished):
    assert open_page("select").multiselect(key="adjust").options == ["length", "level"]
