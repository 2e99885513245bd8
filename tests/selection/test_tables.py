"""A table read for a choice: few columns, rows with status ok, the choice of the whole table."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workbench.data import row_content
from workbench.errors import InputError
from workbench.options import SelectOptions
from workbench.runs import Place
from workbench.selection import (
    COLUMNS,
    CONTENT,
    POLICIES,
    read_ok_rows,
    read_scores,
    select,
    texts_at,
)
from workbench.stages import run_select

N = 400


def table(n_rows: int = N) -> pa.Table:
    """Rows in no order, some without a score, and labels of every kind with gaps."""
    rng = np.random.default_rng(0)
    status = np.where(np.arange(n_rows) % 9 == 2, "too_short", "ok")
    status[::31] = "truncated"
    unscored = status != "ok"
    tokens = rng.integers(20, 400, n_rows)
    columns = {
        "row_id": [f"row-{i}" for i in range(n_rows)],
        "row_index": np.arange(n_rows),
        "source": rng.choice(["b", "a", "Z", "é"], n_rows),
        "n_tokens": tokens.astype("int32"),
        "score": pa.array(rng.gamma(2, 1, n_rows).round(1) / 100, mask=unscored),
        "score_within_length": pa.array(rng.random(n_rows), mask=unscored),
        "status": status,
        "reason": np.where(unscored, "why", ""),
        CONTENT: [row_content({"id": i}) for i in range(n_rows)],
        "level": pa.array(rng.integers(1, 6, n_rows), mask=unscored),
        "loss": pa.array(rng.gamma(2, 1, n_rows), mask=unscored),
        "kind": pa.array(rng.choice(["x", "y", "(none)"], n_rows), mask=rng.random(n_rows) < 0.1),
        "flag": rng.random(n_rows) < 0.5,
    }
    return pa.table(columns).take(rng.permutation(n_rows))


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("scores") / "scores.parquet"
    pq.write_table(table(), path, row_group_size=64)
    return path


GROUPS = (None, "source", "level", "kind", "flag", "length_bin")


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("adjust", ["none", "length", "loss,kind"])
def test_the_choice_is_that_from_the_whole_table(policy, adjust, path, tmp_path):
    whole = read_scores(path)
    for group, budget in itertools.product(GROUPS, ({"fraction": 0.1}, {"tokens": 5000})):
        asked = SelectOptions(policy, adjust=adjust, group_by=group, seed=3, **budget)
        done = run_select(Place(tmp_path), path, asked)
        expected = select(whole, **vars(asked))
        pd.testing.assert_frame_equal(pd.read_parquet(done.result), expected.rows)
        assert done.summary == expected.diagnostics


def test_marks_quotas_and_caps_are_those_of_the_whole_table(path, tmp_path):
    whole, ids = read_scores(path), [f"row-{i}" for i in range(90)]
    for more in (
        {"n": 9, "keep": tuple(ids[:9]), "drop": tuple(ids[20:60])},
        {"n": 50, "quota": ("kind=x:9", "kind=(none):30")},
        {"n": 50, "quota": ("level=3:9",), "group_by": "source", "max_per_group": 12},
    ):
        asked = SelectOptions("soft", **more)
        done, expected = run_select(Place(tmp_path), path, asked), select(whole, **vars(asked))
        pd.testing.assert_frame_equal(pd.read_parquet(done.result), expected.rows)
        assert done.summary == expected.diagnostics


def test_few_columns_are_read_and_a_row_takes_few_bytes(path):
    ok = read_ok_rows(path, COLUMNS)
    whole = read_scores(path)
    assert list(ok.rows) == [name for name in whole if name in COLUMNS]
    assert ok.others == {"too_short": 44, "truncated": 13}
    kept = whole[whole["status"] == "ok"].reset_index(drop=True)
    for name in ok.rows:
        assert ok.rows[name].tolist() == kept[name].tolist()
    bytes_a_row = ok.rows.memory_usage(deep=True, index=False) / len(ok.rows)
    assert bytes_a_row["source"] < 3
    assert bytes_a_row["status"] < 3


def test_numbers_are_labels_as_they_are_in_the_whole_table(path):
    # Whole numbers with gaps are read as 3.0, also where the gaps are rows without a score.
    found = read_ok_rows(path, [*COLUMNS, "level"]).rows["level"]
    assert found.dtype == read_scores(path)["level"].dtype == np.float64


def test_where_no_row_has_a_score_it_is_said_which_status_they_have(path, tmp_path):
    other = tmp_path / "scores.parquet"
    status = pa.array(["failed"] * 300 + ["truncated"] * 100)
    place = table().column_names.index("status")
    pq.write_table(table().set_column(place, "status", status), other)
    assert len(read_ok_rows(other, COLUMNS).rows) == N
    with pytest.raises(InputError, match="found 300 failed, 100 truncated"):
        run_select(Place(tmp_path), other, SelectOptions("top", n=3))
    everything = tuple(f"row-{i}" for i in range(N))
    with pytest.raises(InputError, match="found 343 dropped, 44 too_short, 13 truncated"):
        run_select(Place(tmp_path), path, SelectOptions("top", n=3, drop=everything))


def test_columns_that_the_choice_does_not_look_at_must_be_sound_too(tmp_path):
    other = tmp_path / "scores.parquet"
    place = table().column_names.index(CONTENT)
    pq.write_table(table().set_column(place, CONTENT, pa.array(range(N))), other)
    with pytest.raises(InputError, match=f"the column {CONTENT} .* holds int64"):
        read_ok_rows(other, COLUMNS)
    pq.write_table(table().drop_columns(["source"]), other)
    with pytest.raises(InputError, match="has no column source"):
        read_ok_rows(other, COLUMNS)


def test_texts_are_found_by_their_place_among_the_rows_with_a_score(path):
    ok = read_scores(path).query("status == 'ok'")[CONTENT].tolist()
    places = np.random.default_rng(2).permutation(len(ok))[:50]
    assert texts_at(path, CONTENT, places).tolist() == [ok[place] for place in places]


def test_a_column_that_pandas_calls_the_index_is_a_column(tmp_path):
    frame = table().to_pandas().set_index("row_id")
    frame.to_parquet(tmp_path / "scores.parquet")
    found = read_ok_rows(tmp_path / "scores.parquet", COLUMNS).rows["row_id"]
    assert found.tolist() == frame.query("status == 'ok'").index.tolist()
