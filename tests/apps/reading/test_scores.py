"""The scores table as columns: filters, pages and labels agree with pandas on the same file."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from apps.reading.scores import ScoreTable, Where
from workbench.errors import InputError

N = 500


@pytest.fixture
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    status = np.where(np.arange(N) % 10 == 3, "too_short", "ok")
    score = np.where(status == "ok", rng.integers(0, 40, N) / 40, np.nan)
    return pd.DataFrame(
        {
            "row_id": [f"r{i}" for i in range(N)],
            "row_index": np.arange(N),
            "source": rng.choice(["a", "b"], N),
            "n_tokens": rng.integers(5, 50, N).astype("int32"),
            "score": score,
            "status": status,
            "reason": np.where(status == "ok", "", "2 tokens"),
            "level": rng.integers(1, 4, N).astype(float),
            "loss": np.nan,
        }
    )


@pytest.fixture
def table(frame, tmp_path):
    frame.to_parquet(tmp_path / "scores.parquet")
    return ScoreTable.open(tmp_path / "scores.parquet")


def test_only_rows_with_a_score_are_looked_at(table, frame):
    assert table.n_rows == N
    assert table.ok.tolist() == np.flatnonzero(frame["status"] == "ok").tolist()


def test_filters_agree_with_pandas(table, frame):
    where = Where(score=(0.2, 0.6), tokens=(10, 30), sources=("b",))
    query = "status == 'ok' and 0.2 <= score <= 0.6 and 10 <= n_tokens <= 30 and source == 'b'"
    assert table.places(where).tolist() == frame.query(query).index.tolist()
    among = Where(among=np.array([1, 3, 4]))
    assert table.places(among).tolist() == [1, 4]


@pytest.mark.parametrize("descending", [True, False])
def test_pages_in_order_make_up_the_whole(table, frame, descending):
    places = table.places(Where(sources=("a",)))
    pages = [
        table.page(places, order="score", descending=descending, limit=50, offset=offset)
        for offset in range(0, len(places), 50)
    ]
    found = np.concatenate(pages)
    expected = frame.loc[places].sort_values("score", ascending=not descending, kind="stable")
    assert found.tolist() == expected.index.tolist()


def test_rows_hold_what_the_file_holds(table, frame):
    rows = table.rows(np.array([7, 2]), ["row_id", "score", "source", "no such column"])
    assert rows.to_dict("records") == frame.loc[[7, 2], ["row_id", "score", "source"]].to_dict(
        "records"
    )


def test_labels_are_columns_that_vary(table):
    assert table.labels(["level", "loss", "n_steps"]) == ["level"]


def test_rows_without_a_score_are_counted_by_reason(table):
    counts = table.unscored().to_dict("records")
    assert counts == [{"status": "too_short", "reason": "2 tokens", "count_all": N // 10}]


def test_ids_and_places_are_found(table):
    assert table.find("row_id", ["r3", "r9", "nobody"]).tolist() == [3, 9]
    assert table.at_index(np.array([4, 8])).tolist() == [4, 8]


def test_a_table_in_another_order_is_found_by_index(frame, tmp_path):
    frame.iloc[::-1].to_parquet(tmp_path / "turned.parquet")
    table = ScoreTable.open(tmp_path / "turned.parquet")
    assert table.at_index(np.array([0])).tolist() == [N - 1]


def test_a_file_of_another_kind_is_told(tmp_path):
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "x.parquet")
    with pytest.raises(InputError, match="no column"):
        ScoreTable.open(tmp_path / "x.parquet")
    (tmp_path / "y.parquet").write_text("torn")
    with pytest.raises(InputError, match="cannot be read"):
        ScoreTable.open(tmp_path / "y.parquet")
