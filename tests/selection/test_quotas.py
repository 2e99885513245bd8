"""Quotas and caps: counts that add up exactly, and what could not be filled is said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.selection.test_select import ids, scores_table
from workbench.errors import InputError
from workbench.selection import POLICIES, select

DRAWN = [name for name in POLICIES if name != "length-matched"]


def counts(chosen, scores, column="source"):
    values = scores.set_index("row_id").loc[ids(chosen), column]
    return values.value_counts().to_dict()


@pytest.mark.parametrize("policy", POLICIES)
def test_a_quota_is_met_exactly_and_the_others_share_the_rest(policy):
    scores = scores_table().assign(source=["a", "b", "b", "c"] * 25)
    chosen = select(scores, policy=policy, n=30, quota=["source=a:4"])
    assert counts(chosen, scores) == {"a": 4, "b": 17, "c": 9}
    assert chosen.diagnostics["quotas"] == [{"name": "a", "asked": 4, "in_pool": 25, "taken": 4}]
    assert chosen.diagnostics["unfilled"] == 0


def test_without_a_budget_the_quotas_are_it():
    scores = scores_table()
    chosen = select(scores, policy="top", quota=["source=a.jsonl:3", "source=b.jsonl:5"])
    assert counts(chosen, scores) == {"a.jsonl": 3, "b.jsonl": 5}
    for source, n in (("a.jsonl", 3), ("b.jsonl", 5)):
        best = scores[scores["source"] == source].nlargest(n, "score")["row_id"]
        assert set(best) <= set(ids(chosen))


def test_what_the_pool_lacks_is_said_and_given_to_nobody():
    scores = scores_table()
    chosen = select(scores, policy="random", n=60, quota=["source=a.jsonl:40"])
    assert counts(chosen, scores) == {"a.jsonl": 25, "b.jsonl": 20}
    assert chosen.diagnostics["unfilled"] == 15
    assert chosen.diagnostics["quotas"][0]["taken"] == 25


def test_a_quota_of_a_token_budget_is_in_tokens():
    scores = scores_table()
    chosen = select(scores, policy="top", tokens=4000, quota=["source=a.jsonl:3000"])
    spent = scores.set_index("row_id").loc[ids(chosen)].groupby("source")["n_tokens"].sum()
    assert 3000 - 300 < spent["a.jsonl"] <= 3000
    assert 1000 - 300 < spent["b.jsonl"] <= 1000
    assert chosen.diagnostics["unit"] == "tokens"


def test_numbers_and_length_bins_are_named_as_they_are_read():
    scores = scores_table().assign(level=[1.0, 2.0] * 50)
    chosen = select(scores, policy="top", quota=["level=2:7"])
    assert counts(chosen, scores, "level") == {2.0: 7}
    binned = select(scores, policy="top", quota=["length_bin=10:5"])
    longest = scores.nlargest(10, "n_tokens")["row_id"]
    assert len(set(ids(binned)) & set(longest)) == 5


def test_a_quota_can_come_from_outside_the_scores_and_a_value_hold_any_sign():
    subject = pd.Series(["a=b:c", None] * 50, name="subject")
    chosen = select(scores_table(), policy="top", quota=["subject=a=b:c:6"], quota_groups=subject)
    assert len(chosen.rows) == 6
    assert (chosen.rows["row_index"] % 2 == 0).all()


@pytest.mark.parametrize("policy", DRAWN)
def test_a_cap_keeps_the_order_of_the_policy(policy):
    scores = scores_table().assign(source=[f"s{i % 7}" for i in range(100)])
    chosen = select(scores, policy=policy, n=12, group_by="source", max_per_group=2, seed=3)
    assert set(counts(chosen, scores).values()) <= {1, 2}
    # By hand: down the uncapped order, past every third row of a source.
    order, taken, expected = ids(select(scores, policy=policy, n=100, seed=3)), {}, []
    source = scores.set_index("row_id")["source"]
    for row in order:
        taken[source[row]] = taken.get(source[row], 0) + 1
        expected += [row] if taken[source[row]] <= 2 else []
    assert ids(chosen) == expected[:12]


def test_a_cap_that_leaves_too_few_rows_says_so():
    chosen = select(scores_table(), policy="top", n=30, group_by="source", max_per_group=4)
    assert len(chosen.rows) == 8
    assert chosen.diagnostics["unfilled"] == 22


@settings(max_examples=25)
@given(
    quotas=st.lists(st.integers(0, 26), min_size=3, max_size=3),
    more=st.integers(0, 20),
    most=st.integers(1, 12),
)
def test_counts_add_up_whatever_is_asked(quotas, more, most):
    scores = scores_table().assign(source=["a", "b", "c", "d"] * 25, level=np.arange(100) % 5)
    asked = dict(zip("abc", quotas, strict=True))
    if not sum(quotas) + more:
        return
    chosen = select(
        scores,
        policy="soft",
        n=sum(quotas) + more,
        quota=[f"source={name}:{n}" for name, n in asked.items()],
        group_by="level",
        max_per_group=most,
    )
    found = counts(chosen, scores)
    assert all(found.get(name, 0) <= n for name, n in asked.items())
    assert max(counts(chosen, scores, "level").values()) <= most
    assert len(chosen.rows) + chosen.diagnostics["unfilled"] == sum(quotas) + more
    assert [q["taken"] for q in chosen.diagnostics["quotas"]] == [found.get(n, 0) for n in "abc"]


def test_without_quota_or_cap_nothing_is_said_of_them():
    diagnostics = select(scores_table(), policy="top", n=5).diagnostics
    assert not {"unit", "unfilled", "quotas", "max_per_group"} & set(diagnostics)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"quota": ["source:4"]}, r"the quota is 'source:4', expected COLUMN=VALUE:COUNT"),
        ({"quota": ["source=a.jsonl:few"]}, "pass another --quota"),
        ({"quota": ["source=z:4"]}, "no row of the pool has source 'z', expected one of 'a.jsonl'"),
        ({"quota": ["source=a.jsonl:1", "level=2:1"]}, "of the columns level and source"),
        ({"quota": ["source=a.jsonl:1", "source=a.jsonl:1"]}, "'a.jsonl' is given twice"),
        ({"n": 3, "quota": ["source=a.jsonl:4"]}, "quotas ask for 4 of a budget of 3"),
        ({"quota": ["topic=a:1"]}, "no column 'topic'"),
        ({"quota": ["source=a.jsonl:1"], "group_by": "row_id"}, "pass|cap its groups"),
        ({"n": 3, "max_per_group": 1}, "no groups.*--group-by"),
        ({"n": 3, "max_per_group": 0, "group_by": "source"}, "max_per_group is 0"),
        (
            {"n": 3, "max_per_group": 1, "group_by": "source", "policy": "length-matched"},
            "length-matched was asked for with a cap",
        ),
    ],
)
def test_a_request_that_cannot_be_met_says_why(options, words):
    with pytest.raises(InputError, match=words):
        select(scores_table(), **{"policy": "top", **options})
