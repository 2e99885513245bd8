"""Selections side by side: overlap against chance, mixes, lengths, and pools that differ."""

from __future__ import annotations

import json

import numpy as np
import pytest

from workbench.data import write_jsonl
from workbench.errors import InputError
from workbench.scoring import ScoreRequest
from workbench.selection import compare_selections, read_drawn
from workbench.selection.comparison import overlap_by_chance, side_by_side
from workbench.stages import ModelSource, Place, SelectOptions, run_score, run_select


def rows_of(n, first=0):
    return [
        {
            "id": f"sum-{i}",
            "problem": f"What is {i} + {i}?" + "!" * (i % 9),
            "solution": f"it is {2 * i}",
            "subject": "odd" if i % 2 else "even",
            "level": f"Level {i % 3}",
        }
        for i in range(first, first + n)
    ]


class Made:
    """Scores by length and by chance of one pool, and of another that overlaps it."""

    def __init__(self, folder, checkpoint):
        self.place = Place(folder / "runs")
        self.source = ModelSource(str(checkpoint("llama")), device="cpu")
        self.data, self.other = str(folder / "rows.jsonl"), str(folder / "other.jsonl")
        write_jsonl(folder / "rows.jsonl", rows_of(40))
        write_jsonl(folder / "other.jsonl", rows_of(40, first=30))

    def drawn(self, policy, *, method="length", data=None, **how):
        request = ScoreRequest.of(method)
        scores = run_score(self.place, self.source, [data or self.data], request)
        selection = run_select(self.place, scores.result, SelectOptions(policy, **how))
        return read_drawn(selection.result, self.place.runs)


@pytest.fixture(scope="module")
def made(checkpoint, tmp_path_factory):
    return Made(tmp_path_factory.mktemp("compare"), checkpoint)


def test_the_share_by_chance_is_that_of_random_draws():
    a, b = np.arange(100) < 30, np.arange(100) % 2 == 0
    found = overlap_by_chance(a, b)
    assert (found["n_shared"], found["n_by_chance"]) == (15, 15)
    assert found["jaccard"] == found["jaccard_by_chance"] == pytest.approx(15 / 65)
    rng = np.random.default_rng(0)
    draws = np.array([(a & rng.permutation(b)).sum() for _ in range(4000)])
    inside = (draws >= found["n_chance_low"]) & (draws <= found["n_chance_high"])
    assert 0.94 < inside.mean() < 0.99


def test_mixes_count_each_selection_beside_the_pool():
    inside = [np.array([True, True, False, False]), np.array([False, True, True, True])]
    assert side_by_side(["a", "b", "a", "b"], inside) == [
        {"name": "a", "n_pool": 2, "n": [1, 1]},
        {"name": "b", "n_pool": 2, "n": [1, 2]},
    ]


def test_two_scores_of_one_pool_are_compared_row_by_row(made):
    top, loss = made.drawn("top", n=10), made.drawn("bottom", n=8, method="loss")
    report = compare_selections([top, loss])
    assert report["pool"]["n"] == 40
    assert report["pool"]["whole"]
    (pair,) = report["pairs"]
    assert pair["n_shared"] == len(set(top.row_ids) & set(loss.row_ids))
    assert pair["n_by_chance"] == 2
    assert [one["n"] for one in report["selections"]] == [10, 8]
    assert [one["method"] for one in report["selections"]] == ["length", "loss"]
    assert report["percentiles"][0][0] == pytest.approx((30.5 + 39.5 - 0.5) / 2 / 40, abs=0.02)
    assert sum(report["selections"][1]["histogram"]["selected"]) == 8
    assert json.loads(json.dumps(report, allow_nan=False)) == report


def test_every_label_of_the_rows_is_mixed_and_texts_are_not(made):
    report = compare_selections([made.drawn("top", n=10), made.drawn("bottom", n=10)])
    assert set(report["mixes"]) == {"source", "subject", "level"}
    assert report["labels_from"] == "data"
    subjects = {part["name"]: part for part in report["mixes"]["subject"]}
    assert subjects["odd"]["n_pool"] == 20
    assert sum(part["n"][0] for part in subjects.values()) == 10


def test_draws_with_one_seed_are_told_apart_from_chance(made):
    soft, random = made.drawn("soft", n=10), made.drawn("random", n=10)
    other = made.drawn("random", n=10, seed=1)
    same = [p["same_numbers"] for p in compare_selections([soft, random, other])["pairs"]]
    assert same == [True, False, False]


def test_pools_that_share_rows_are_joined_and_what_is_outside_is_counted(made):
    here, there = made.drawn("top", n=20), made.drawn("top", n=20, data=made.other)
    report = compare_selections([here, there])
    assert report["pool"]["n"] == 10
    assert not report["pool"]["whole"]
    for one, drawn in zip(report["selections"], (here, there), strict=True):
        assert one["n"] + one["n_outside"] == 20
        assert one["n"] == sum(30 <= int(name[4:]) < 40 for name in drawn.row_ids)


def test_pools_that_share_nothing_are_refused(made, tmp_path):
    write_jsonl(tmp_path / "far.jsonl", rows_of(20, first=100))
    far = made.drawn("top", n=5, data=str(tmp_path / "far.jsonl"))
    with pytest.raises(InputError, match="different pools: no row is in both, expected scores of"):
        compare_selections([made.drawn("top", n=5), far])


def test_labels_come_from_the_scores_where_the_rows_are_gone(made, tmp_path):
    write_jsonl(tmp_path / "gone.jsonl", rows_of(20))
    drawn = made.drawn("top", n=5, data=str(tmp_path / "gone.jsonl"))
    (tmp_path / "gone.jsonl").unlink()
    report = compare_selections([drawn, drawn])
    assert report["labels_from"] == "scores"
    assert "level" in report["mixes"]


def test_a_selection_without_its_scores_is_refused(made, tmp_path):
    path = tmp_path / "selection.parquet"
    made.drawn("top", n=5).rows.to_parquet(path)
    with pytest.raises(InputError, match=r"the scores that .* was drawn from are not there"):
        read_drawn(path, tmp_path)
