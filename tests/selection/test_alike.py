"""Percentiles among rows that are alike: free of every column named, whatever the order."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from tests.selection.test_select import ids, scores_table
from workbench.errors import InputError
from workbench.options import SelectOptions
from workbench.scoring import spearman
from workbench.selection import select
from workbench.selection.alike import among_alike


def pool(n_rows=600, *, seed=0):
    """A score made of length, loss and source, and a little of its own."""
    rng = np.random.default_rng(seed)
    table = scores_table(n_rows, seed=seed)
    loss, own = rng.gamma(4, 0.3, n_rows), rng.normal(size=n_rows)
    is_a = table["source"] == "a.jsonl"
    score = table["n_tokens"] / 100 + loss + 5 * is_a + 0.3 * own
    return table.assign(loss=loss, score=score - score.min(), own=own)


def test_the_percentile_is_free_of_all_that_is_named_and_keeps_what_is_its_own():
    table = pool(2000)
    found = among_alike(table, ("length", "loss", "source")).percentiles
    for name in ("n_tokens", "loss"):
        raw = spearman(table["score"], table[name])
        assert raw > 0.3
        # Neighbours of a row at the edge lie on one side of it: something is left.
        assert abs(spearman(found, table[name])) < raw / 2
    is_a = table["source"] == "a.jsonl"
    assert abs(found[is_a].mean() - found[~is_a].mean()) < 0.05
    assert spearman(found, table["own"]) > 0.8 > 5 * spearman(table["score"], table["own"])
    # Of length alone it is not free of the loss.
    alone = among_alike(table, ("length", "source")).percentiles
    assert spearman(alone, table["loss"]) > 0.4


def test_the_order_of_the_rows_changes_nothing():
    table = pool().assign(level=np.arange(600) % 5)
    shuffled = table.sample(frac=1.0, random_state=3)
    names = ("level", "length", "source")
    found, again = among_alike(table, names), among_alike(shuffled, names)
    assert again.percentiles.tolist() == found.percentiles[shuffled.index].tolist()
    assert again.facts == found.facts


def test_neighbours_worked_by_the_plain_way():
    table = pool(90)
    found = among_alike(table, ("length", "loss")).percentiles
    places = np.array([table[name].rank() / 90 for name in ("n_tokens", "loss")]).T
    scores = table["score"].to_numpy()
    for row in range(90):
        distance = np.linalg.norm(places - places[row], axis=1)
        others = np.delete(np.argsort(distance, kind="stable"), 0)[:20]
        assert found[row] == pytest.approx(np.mean(scores[others] < scores[row]))


def test_words_alone_make_strata_in_which_all_others_count():
    table = pd.DataFrame(
        {
            "row_id": list("abcdef"),
            "source": ["x", "x", "x", "y", "y", "z"],
            "score": [1.0, 2.0, 2.0, 9.0, 8.0, 5.0],
        }
    )
    found = among_alike(table, ("source",))
    # Of 2 others: none lower; one lower and one equal; the same. Of 1 other; of none.
    assert found.percentiles.tolist() == [0.0, 0.75, 0.75, 1.0, 0.0, 0.5]
    assert found.facts == {"columns": ["source"], "n_strata": 3, "smallest": 1}


def test_rows_without_a_number_are_compared_with_one_another():
    table = pool(60).assign(n_steps=np.where(np.arange(60) < 10, np.nan, 3.0))
    found = among_alike(table, ("n_steps",))
    assert (found.facts["n_strata"], found.facts["smallest"]) == (2, 10)
    without = table["score"][:10]
    assert found.percentiles[:10].tolist() == ((without.rank() - 1) / 9).tolist()


def test_many_rows_at_one_place_are_each_compared_with_others_only():
    table = scores_table(300).assign(level=1.0, score=np.arange(300.0))
    found = among_alike(table, ("level",)).percentiles
    # Whoever the 30 neighbours are: the least has none below it, the greatest all.
    assert (found[0], found[-1]) == (0.0, 1.0)


def test_a_selection_goes_by_it_and_says_so():
    table = pool()
    chosen = select(table, policy="top", n=20, adjust="length,loss,source")
    values = among_alike(table, ("length", "loss", "source")).percentiles
    assert set(values[chosen.rows["row_index"]]) <= set(np.sort(values)[-20:])
    own = table.set_index("row_id").loc[ids(chosen), "score"].tolist()
    assert chosen.rows["score"].tolist() == own
    told = chosen.diagnostics["alike"]
    assert told["columns"] == ["n_tokens", "loss", "source"]
    assert json.loads(json.dumps(chosen.diagnostics)) == chosen.diagnostics
    assert "alike" not in select(table, policy="top", n=20, adjust="length").diagnostics


def test_the_loss_that_a_method_measured_stands_in_for_the_one_not_asked_for():
    table = pool().rename(columns={"loss": "loss_base"}).assign(loss=np.nan)
    assert among_alike(table, ("loss",)).facts["columns"] == ["loss_base"]


@pytest.mark.parametrize(
    ("adjust", "words"),
    [
        ("width", "the scores have no width for rows to be alike in, expected one of length, loss"),
        ("length,score", "the scores have no score"),
        ("length,loss", "the scores have no loss .*--with-loss"),
    ],
)
def test_columns_that_the_scores_lack_are_refused(adjust, words):
    with pytest.raises(InputError, match=words):
        select(scores_table(), policy="top", n=3, adjust=adjust)


@pytest.mark.parametrize("adjust", ["", "length,", "none,loss", "loss,loss"])
def test_names_that_cannot_be_had_together_are_refused(adjust):
    with pytest.raises(InputError, match=f"adjust is '{adjust}'.*length,loss,source"):
        SelectOptions(n=1, adjust=adjust)
