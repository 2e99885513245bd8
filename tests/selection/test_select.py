"""`select`: the table it returns, budgets and groups in place, invariances, errors."""

import json

import numpy as np
import pandas as pd
import pytest

from workbench.errors import InputError
from workbench.selection import POLICIES, select


def scores_table(n_rows=100, *, seed=0):
    rng = np.random.default_rng(seed)
    n_tokens = rng.integers(5, 300, n_rows)
    return pd.DataFrame(
        {
            "row_id": [f"id-{i}" for i in range(n_rows)],
            "row_index": np.arange(n_rows, dtype=np.int64),
            "source": np.where(np.arange(n_rows) % 4 == 0, "a.jsonl", "b.jsonl"),
            "n_tokens": n_tokens.astype(np.int32),
            "score": rng.uniform(0.1, 1.0, n_rows),
            "score_within_length": rng.permutation(np.linspace(0.0, 100.0, n_rows)),
            "status": "ok",
            "reason": "",
        }
    )


def ids(selection):
    return selection.rows["row_id"].tolist()


@pytest.mark.parametrize("policy", POLICIES)
def test_the_columns_and_types_are_those_of_the_interface(policy):
    rows = select(scores_table(), policy=policy, n=10).rows
    types = {name: str(kind) for name, kind in rows.dtypes.items()}
    assert list(types) == ["row_id", "row_index", "score", "p", "rank"]
    kept = select(scores_table().assign(row_sha256="0f"), policy=policy, n=10).rows
    assert [*kept] == [*types, "row_sha256"]
    assert types["row_index"] == types["rank"] == "int64"
    assert types["score"] == types["p"] == "float64"
    assert pd.api.types.is_string_dtype(rows["row_id"])
    assert rows["rank"].tolist() == list(range(1, 11))
    assert rows["row_id"].is_unique


@pytest.mark.parametrize("policy", POLICIES)
def test_permuted_rows_give_the_same_selection(policy):
    scores = scores_table()
    # Ties are broken by the place in the input, not in the table.
    scores["score"] = scores["score"].round(1)
    shuffled = scores.sample(frac=1.0, random_state=3)
    chosen = select(scores, policy=policy, fraction=0.2, seed=5).rows
    again = select(shuffled, policy=policy, fraction=0.2, seed=5).rows
    pd.testing.assert_frame_equal(chosen, again)


def test_a_draw_does_not_look_at_the_place_of_a_row():
    scores = scores_table()
    moved = scores.assign(row_index=scores["row_index"].to_numpy()[::-1])
    for policy in ("soft", "random", "length-matched"):
        assert ids(select(scores, policy=policy, n=20)) == ids(select(moved, policy=policy, n=20))


@pytest.mark.parametrize("policy", ["soft", "random", "length-matched"])
def test_the_seed_decides_the_draw(policy):
    scores = scores_table(400)
    draws = [ids(select(scores, policy=policy, n=40, seed=seed)) for seed in (0, 0, 1)]
    assert draws[0] == draws[1]
    assert set(draws[0]) != set(draws[2])


def test_top_and_bottom_take_the_ends():
    scores = scores_table()
    by_score = scores.sort_values("score")["row_id"].tolist()
    assert ids(select(scores, policy="top", n=7)) == by_score[::-1][:7]
    assert ids(select(scores, policy="bottom", n=7)) == by_score[:7]


def test_p_is_the_share_of_the_weights():
    scores = scores_table()
    rows = select(scores, policy="soft", n=9, temperature=0.5).rows
    squares = scores["score"] ** 2
    np.testing.assert_allclose(rows["p"], rows["score"] ** 2 / squares.sum(), rtol=1e-12)
    assert set(select(scores, policy="random", n=9).rows["p"]) == {1 / 100}
    assert set(select(scores, policy="length-matched", n=9).rows["p"]) == {1 / 100}
    assert set(select(scores, policy="top", n=8).rows["p"]) == {1 / 8}


@pytest.mark.parametrize("policy", POLICIES)
def test_p_of_the_whole_pool_sums_to_one_with_groups_too(policy):
    for group_by in (None, "source"):
        rows = select(scores_table(), policy=policy, fraction=1.0, group_by=group_by).rows
        assert rows["p"].sum() == pytest.approx(1.0)


def test_a_pool_of_zero_scores_is_drawn_uniformly():
    rows = select(scores_table().assign(score=0.0), policy="soft", n=5).rows
    assert set(rows["p"]) == {1 / 100}


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("group_by", [None, "source"])
def test_a_token_budget_is_never_exceeded_and_nearly_used(policy, group_by):
    scores = scores_table()
    chosen = select(scores, policy=policy, tokens=4000, group_by=group_by)
    spent = scores.set_index("row_id").loc[ids(chosen), "n_tokens"].sum()
    assert chosen.diagnostics["tokens"]["after"] == spent
    # What is left over in each group is less than the longest row.
    assert 4000 - 600 - 600 * (policy == "length-matched") < spent <= 4000


def test_groups_get_their_share_by_largest_remainder():
    chosen = select(scores_table(), policy="top", n=10, group_by="source")
    after = {group["name"]: group["n_after"] for group in chosen.diagnostics["groups"]}
    # 25 and 75 of 100 rows: 2.5 and 7.5, the tie goes to the larger group
    assert after == {"a.jsonl": 2, "b.jsonl": 8}


def test_the_policy_works_within_each_group():
    scores = scores_table()
    chosen = set(ids(select(scores, policy="top", n=10, group_by="source")))
    for source, n_rows in (("a.jsonl", 2), ("b.jsonl", 8)):
        best = scores[scores["source"] == source].nlargest(n_rows, "score")["row_id"]
        assert set(best) <= chosen


def test_groups_can_come_from_outside_the_scores():
    scores = scores_table()
    subject = pd.Series(["x", None] * 50, name="subject")
    chosen = select(scores, policy="random", n=10, group_by="subject", groups=subject)
    after = {group["name"]: group["n_after"] for group in chosen.diagnostics["groups"]}
    assert after == {"x": 5, "(none)": 5}
    assert chosen.diagnostics["group_by"] == "subject"


def test_length_bins_are_groups_without_a_column():
    chosen = select(scores_table(), policy="top", n=20, group_by="length_bin")
    groups = chosen.diagnostics["groups"]
    assert [group["n_before"] for group in groups] == [10] * 10
    assert [group["n_after"] for group in groups] == [2] * 10


def test_length_matching_keeps_the_mean_length_of_the_top_rows():
    scores = scores_table(1000)
    scores["score"] = scores["n_tokens"] * np.random.default_rng(1).uniform(0.7, 1.3, 1000)
    top = select(scores, policy="top", fraction=0.2).diagnostics["length"]
    matched = select(scores, policy="length-matched", fraction=0.2).diagnostics["length"]
    assert matched["after"]["mean"] == pytest.approx(top["after"]["mean"], rel=0.03)
    assert top["after"]["mean"] > 1.4 * top["before"]["mean"]


def test_adjusting_for_length_goes_by_the_percentile_and_keeps_the_score():
    scores = scores_table()
    chosen = select(scores, policy="top", n=5, adjust="length")
    assert ids(chosen) == scores.nlargest(5, "score_within_length")["row_id"].tolist()
    own = scores.set_index("row_id").loc[ids(chosen), "score"].tolist()
    assert chosen.rows["score"].tolist() == own


def test_only_rows_with_status_ok_are_in_the_pool():
    scores = scores_table()
    scores.loc[50:, "status"] = "truncated"
    scores.loc[50:, "score"] = None
    chosen = select(scores, policy="random", fraction=1.0)
    assert chosen.rows["row_index"].max() == 49
    assert chosen.diagnostics["n_pool"] == 50
    assert chosen.diagnostics["status_counts"] == {"ok": 50, "truncated": 50}


def test_the_diagnostics_are_json():
    diagnostics = select(scores_table(), policy="soft", fraction=0.1).diagnostics
    assert json.loads(json.dumps(diagnostics, allow_nan=False)) == diagnostics


def test_the_scores_table_is_left_as_it_was():
    scores = scores_table()
    before = scores.copy(deep=True)
    select(scores, policy="length-matched", n=5, group_by="source", adjust="length")
    pd.testing.assert_frame_equal(scores, before)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"policy": "best", "n": 1}, "policy is 'best', expected one of soft, top, bottom"),
        ({"policy": "soft", "n": 1, "temperature": 0.0}, "temperature is 0.0.*--policy top"),
        ({"policy": "top", "n": 1, "group_by": "topic"}, "no column 'topic'.*row_id.*source"),
        ({"policy": "top", "n": 1, "adjust": "size"}, "no size .*, expected one of length, loss"),
        ({"policy": "top", "n": 101}, "n is 101, expected 1 to 100"),
        ({"policy": "top"}, "no budget is given"),
        ({"policy": "top", "tokens": 1}, "tokens is 1, which holds not one row"),
        (
            {"policy": "top", "n": 1, "groups": pd.Series([1])},
            "groups has 1 entries, expected 100",
        ),
    ],
)
def test_a_request_that_cannot_be_met_says_why(options, words):
    with pytest.raises(InputError, match=words):
        select(scores_table(), **options)


def test_negative_scores_cannot_be_weights_but_can_be_ranked():
    scores = scores_table()
    scores.loc[3, "score"] = -0.5
    with pytest.raises(InputError, match=r"1 of 100 scores are negative.*-0\.5.*--adjust length"):
        select(scores, policy="soft", n=5)
    assert ids(select(scores, policy="bottom", n=1)) == ["id-3"]
    assert len(ids(select(scores, policy="soft", n=5, adjust="length"))) == 5


def test_unusable_tables_are_refused():
    scores = scores_table()
    with pytest.raises(InputError, match=r"no row has status ok \(found 100 failed\)"):
        select(scores.assign(status="failed"), policy="top", n=1)
    with pytest.raises(InputError, match="lack the column 'score_within_length'"):
        select(scores.drop(columns="score_within_length"), policy="top", n=1, adjust="length")
    with pytest.raises(InputError, match="100 of 100 rows with status ok have no finite score"):
        select(scores.assign(score=np.nan), policy="top", n=1)
    with pytest.raises(InputError, match="row_id 'same' stands in the scores more than once"):
        select(scores.assign(row_id="same"), policy="top", n=1)
