"""Rows kept and dropped by hand: what they do to a selection, and what a marks file may hold."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from workbench.errors import InputError
from workbench.selection import DROP, KEEP, POLICIES, marked, read_marks, select
from workbench.stages import Place, SelectOptions, run_select


@pytest.fixture
def scores() -> pd.DataFrame:
    n_rows = 40
    return pd.DataFrame(
        {
            "row_id": [f"r{i}" for i in range(n_rows)],
            "row_index": range(n_rows),
            "source": "a",
            "n_tokens": [10 + i % 7 for i in range(n_rows)],
            "score": [(i * 7 % 40) / 40 + 0.01 for i in range(n_rows)],
            "status": "ok",
        }
    )


def ids(chosen) -> list[str]:
    return chosen.rows["row_id"].tolist()


@pytest.mark.parametrize("policy", POLICIES)
def test_dropped_rows_are_never_chosen(scores, policy):
    dropped = [f"r{i}" for i in range(0, 40, 2)]
    chosen = select(scores, policy=policy, n=15, drop=dropped)
    assert len(ids(chosen)) == 15
    assert not set(dropped) & set(ids(chosen))
    assert chosen.diagnostics["status_counts"] == {"dropped": 20, "ok": 20}


def test_kept_rows_come_last_and_on_top_of_the_budget(scores):
    without = ids(select(scores, policy="top", n=5))
    lowest = scores.sort_values("score")["row_id"].iloc[0]
    chosen = select(scores, policy="top", n=5, keep=[lowest, without[0]])
    assert ids(chosen) == [*without, lowest]
    assert chosen.rows["rank"].tolist() == [1, 2, 3, 4, 5, 6]
    assert chosen.diagnostics["n_selected"] == 6


def test_dropping_a_row_is_the_same_as_never_having_had_it(scores):
    chosen = select(scores, policy="soft", n=8, seed=3, drop=["r5"])
    without = select(scores[scores["row_id"] != "r5"], policy="soft", n=8, seed=3)
    pd.testing.assert_frame_equal(chosen.rows, without.rows)


def test_without_marks_the_run_has_the_name_it_always_had(scores, tmp_path):
    folder = tmp_path / "score-x"
    folder.mkdir()
    scores.to_parquet(folder / "scores.parquet")
    place = Place(tmp_path / "runs")
    plain = run_select(place, folder / "scores.parquet", SelectOptions("top", n=3))
    manifest = json.loads((plain.run / "manifest.json").read_text())
    assert not {"keep", "drop"} & set(manifest["config"])
    options = SelectOptions("top", n=3, keep=("r0",), drop=("r1",))
    by_hand = run_select(place, folder / "scores.parquet", options)
    manifest = json.loads((by_hand.run / "manifest.json").read_text())
    assert manifest["config"]["keep"] == ["r0"]
    assert by_hand.run != plain.run


def test_a_marks_file_is_read_and_split(tmp_path):
    path = tmp_path / "marks.json"
    assert read_marks(path) == {}
    path.write_text('{"b": "keep", "a": "keep", "c": "drop"}')
    marks = read_marks(path)
    assert marked(marks, KEEP) == ("a", "b")
    assert marked(marks, DROP) == ("c",)


@pytest.mark.parametrize("content", ["[", "[]", '{"a": "burn"}', '{"a": 1}'])
def test_anything_else_is_no_marks_file(tmp_path, content):
    path = tmp_path / "marks.json"
    path.write_text(content)
    with pytest.raises(InputError, match="no marks"):
        read_marks(path)
