"""The form of the page Select: what a draw can be made free of, by what the scores have."""

from __future__ import annotations

import numpy as np
import pandas as pd

from apps.views.select.options import PreviewPool
from tests.apps.conftest import open_page
from tests.selection.test_select import scores_table
from workbench.selection import select


def pool(**columns) -> PreviewPool:
    return PreviewPool(scores_table(30).assign(**columns), share=1.0, measures={})


def test_loss_and_source_are_offered_where_rows_differ_in_them():
    loss, source = np.linspace(1, 2, 30), "one.jsonl"
    assert pool(loss=loss).adjustments == [
        *("none", "length", "length,loss", "length,source"),
        "length,loss,source",
    ]
    assert pool(loss=np.nan, source=source).adjustments == ["none", "length"]
    assert pool(loss=np.nan, loss_base=loss, source=source).adjustments[-1] == "length,loss"


def test_every_adjustment_that_is_offered_can_be_drawn_by():
    offered = pool(loss=np.linspace(1, 2, 30))
    for adjust in offered.adjustments:
        assert len(select(pd.DataFrame(offered.frame), policy="top", n=3, adjust=adjust).rows) == 3


def test_the_page_offers_what_its_scores_have(finished):
    assert open_page("select").selectbox(key="adjust").options == ["none", "length"]
