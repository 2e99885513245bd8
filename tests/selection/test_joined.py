"""Several score tables of the same rows as one: joined by id and content, combined by rank."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.selection.test_select import ids, scores_table
from workbench.errors import InputError
from workbench.selection import combined, select, shared_ids


def table(scores, *, names=None, content="c", status="ok"):
    names = names or [f"r{i}" for i in range(len(scores))]
    return pd.DataFrame(
        {
            "row_id": names,
            "row_index": np.arange(len(names)),
            "source": "a",
            "n_tokens": 10,
            "score": np.array(scores, dtype=float),
            "score_within_length": 0.5,
            "status": status,
            "reason": "",
            "row_sha256": [f"{content}-{name}" for name in names],
        }
    )


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        # Percentile ranks by hand: 1/6, 3/6, 5/6, and the second table the other way round.
        ("rank-mean", [3 / 6, 2 / 6, 4 / 6]),
        ("product", [5 / 36, 3 / 36, 15 / 36]),
        ("max", [5 / 6, 3 / 6, 5 / 6]),
    ],
)
def test_scores_are_combined_by_their_ranks(how, expected):
    one = table([0.1, 0.2, 9.0])
    other = table([100.0, -3.0, 5.0])
    found = combined([one, other], how=how, same_files=False)
    assert found["score"].tolist() == pytest.approx(expected)
    assert found["status"].tolist() == ["ok"] * 3


def test_equal_scores_share_their_rank():
    found = combined([table([1.0, 1.0, 0.0])] * 2, how="rank-mean", same_files=False)
    assert found["score"].tolist() == pytest.approx([4 / 6, 4 / 6, 1 / 6])


def test_rows_are_joined_by_id_and_not_by_place():
    one = table([0.1, 0.2, 0.3, 0.4])
    other = one.sample(frac=1.0, random_state=1).reset_index(drop=True)
    found = combined([one, other], how="rank-mean", same_files=False)
    assert found["score"].tolist() == pytest.approx([1 / 8, 3 / 8, 5 / 8, 7 / 8])


def test_rows_without_a_score_in_each_table_are_counted_and_not_drawn():
    one, other = table([0.1, 0.2, 0.3]), table([0.5, 0.4], names=["r2", "r9"])
    found = combined([one, other], how="max", same_files=False)
    assert found["status"].tolist() == ["not_joined", "not_joined", "ok"]
    chosen = select(found, policy="top", fraction=1.0)
    assert ids(chosen) == ["r2"]
    assert chosen.diagnostics["status_counts"] == {"not_joined": 2, "ok": 1}


def test_tables_without_reasons_are_combined_all_the_same():
    one, other = table([1.0, 2.0, 3.0]), table([3.0, 2.0, 1.0]).iloc[:2]
    found = combined([one.drop(columns="reason"), other], how="max", same_files=False)
    assert found["status"].tolist() == ["ok", "ok", "not_joined"]
    assert found["reason"].tolist() == ["", "", "no score in all of the tables"]


def test_the_length_adjustment_is_of_the_combined_score():
    one = scores_table(60).assign(row_sha256="c")
    found = combined([one, one], how="rank-mean", same_files=False)
    assert found["score_within_length"].between(0, 1).all()
    assert not np.allclose(found["score_within_length"], one["score_within_length"])


def test_one_id_with_two_contents_is_refused():
    with pytest.raises(InputError, match=r"3 rows that 'a' and 'b' share by id.*row_id 'r0'"):
        shared_ids({"a": table([1, 2, 3]), "b": table([1, 2, 3], content="d")}, same_files=True)


def test_tables_that_keep_no_content_are_believed_only_of_the_same_files():
    one = table([1, 2]).drop(columns="row_sha256")
    assert list(shared_ids({"a": one, "b": one}, same_files=True)) == ["r0", "r1"]
    with pytest.raises(InputError, match="not known to be the same rows"):
        shared_ids({"a": one, "b": one}, same_files=False)


def test_other_pools_and_repeated_ids_are_refused():
    with pytest.raises(InputError, match="of different pools: no row is in both"):
        shared_ids({"a": table([1]), "b": table([1], names=["x"])}, same_files=True)
    with pytest.raises(InputError, match="'r0' stands in 'a' more than once"):
        shared_ids({"a": table([1, 2], names=["r0", "r0"])}, same_files=True)
