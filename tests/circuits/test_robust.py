"""Consensus over settings: shares, ranks and rules by hand, and what cannot be agreed on."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from tests.support.head_scores import six_heads
from workbench.circuits import (
    Setting,
    circuit_of,
    heads_to_json,
    read_heads,
    robust_heads,
)
from workbench.errors import InputError
from workbench.types import Head, HeadScores

# Of the six heads the second (0.1) leads; then 1.1, 2.1, 0.0, 2.0, 1.0.
FIRST, SECOND, THIRD = Head(0, 1), Head(1, 1), Head(2, 1)


def with_circuit(*circuit: Head, idle: tuple[Head, ...] | None = None, **changes) -> HeadScores:
    base = six_heads()
    heads = tuple(
        replace(
            h,
            selected=(h.layer, h.head) in circuit,
            idle=None if idle is None else (h.layer, h.head) in idle,
        )
        for h in base.heads
    )
    return replace(base, heads=heads, **changes)


def settings(*circuits: HeadScores) -> list[Setting]:
    return [Setting(f"heads-{i}", heads, ("gsm8k",)) for i, heads in enumerate(circuits)]


THREE = settings(
    with_circuit(FIRST, SECOND), with_circuit(FIRST, THIRD), with_circuit(FIRST, SECOND)
)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("robust", 5),
        ("robust", {"keep": 1.0}),
        ("settings", 5),
        ("settings", [{}]),
        ("settings", [5]),
        ("robust", {}),
        ("keep", "all"),
        ("overlap", None),
        ("strict", [5]),
    ],
)
def test_a_consensus_of_another_form_is_refused_in_words(tmp_path, field, value):
    content = heads_to_json(robust_heads(THREE))
    (content if field == "robust" else content["robust"])[field] = value
    (tmp_path / "heads.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="is not a heads file"):
        read_heads(tmp_path / "heads.json")


@pytest.mark.parametrize("field", ["kept", "contribution"])
def test_a_head_of_a_consensus_without_a_field_is_refused_in_words(tmp_path, field):
    content = heads_to_json(robust_heads(THREE))
    del content["heads"][0][field]
    (tmp_path / "heads.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=f"is not a heads file .*'{field}'"):
        read_heads(tmp_path / "heads.json")


def test_a_share_that_is_no_number_is_refused_in_words(tmp_path):
    content = heads_to_json(robust_heads(THREE))
    content["heads"][0]["kept"] = "often"
    (tmp_path / "heads.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="kept is 'often'"):
        read_heads(tmp_path / "heads.json")


def kept_of(found: HeadScores) -> dict[Head, float | None]:
    return {Head(h.layer, h.head): h.kept for h in found.heads if h.kept}


def test_the_share_of_settings_is_counted_and_all_of_them_are_asked_for():
    found = robust_heads(THREE)
    assert kept_of(found) == pytest.approx({FIRST: 1.0, SECOND: 2 / 3, THIRD: 1 / 3})
    assert circuit_of(found).heads == (FIRST,)
    assert (found.method, found.rank_by) == ("robust", "kept")
    assert [h.rank for h in found.heads if h.kept] == [1, 2, 3]


@pytest.mark.parametrize(("keep", "n"), [(1.0, 1), (2 / 3, 2), (0.5, 2), (1 / 3, 3), (0.01, 3)])
def test_a_lower_rule_takes_the_heads_of_fewer_settings(keep, n):
    found = robust_heads(THREE, keep=keep)
    assert len(circuit_of(found).heads) == n
    assert found.robust["strict"] == ["L0H1"]
    assert found.robust["majority"] == ["L0H1", "L1H1"]


def test_half_of_the_settings_are_no_majority():
    two = settings(with_circuit(FIRST, SECOND), with_circuit(FIRST, THIRD))
    assert robust_heads(two).robust["majority"] == ["L0H1"]


def test_heads_kept_alike_are_ranked_by_their_mean_rank():
    swapped = with_circuit(FIRST)
    ranks = {FIRST: 3, SECOND: 1, THIRD: 2}
    heads = [replace(h, rank=ranks.get(Head(h.layer, h.head), h.rank)) for h in swapped.heads]
    two = settings(with_circuit(FIRST), replace(swapped, heads=tuple(heads)))
    ordered = sorted(robust_heads(two).heads, key=lambda h: h.rank)
    # Mean ranks of the others: 1.1 has (2 + 1) / 2, 2.1 has (3 + 2) / 2.
    assert [Head(h.layer, h.head) for h in ordered[:3]] == [FIRST, SECOND, THIRD]


def test_numbers_are_means_and_the_interval_holds_all_of_them():
    more = {"stability": 0.25, "contribution": 0.4}
    higher = [
        replace(h, delta=h.delta + 1, ci_low=h.ci_low + 1, ci_high=h.ci_high + 1, **more)
        for h in six_heads().heads
    ]
    two = settings(six_heads(), replace(six_heads(), heads=tuple(higher), ablation="mean"))
    found = robust_heads(two)
    (head,) = (h for h in found.heads if (h.layer, h.head) == FIRST)
    assert (head.delta, head.ci_low, head.ci_high) == pytest.approx((1.4, 0.85, 2.0))
    assert (head.stability, head.contribution) == (0.5, 0.4)
    assert found.ablation == "several"
    assert robust_heads(settings(six_heads(), six_heads())).ablation == "uniform-causal"


def test_idle_heads_are_those_idle_in_half_of_the_settings_that_know():
    known = [
        with_circuit(FIRST, SECOND, idle=idle) for idle in ((FIRST,), (FIRST, SECOND), (), None)
    ]
    found = robust_heads(settings(*known))
    # The first in two of three, the second in one of three; the fourth setting did not look.
    assert found.robust["idle"] == ["L0H1"]
    unknown = robust_heads(THREE)
    assert unknown.robust["idle"] == []
    assert all(h.idle is None for h in unknown.heads)


def test_agreement_in_pairs_and_by_chance_worked_by_hand():
    found = robust_heads(THREE).robust
    # Pairs share 1 of 3, 2 of 2 and 1 of 3 heads; 6 heads, 2 of them in each of 3 circuits.
    assert found["overlap"] == pytest.approx((1 / 3 + 1 + 1 / 3) / 3)
    assert found["strict_by_chance"] == pytest.approx(6 * (2 / 6) ** 3)
    assert found["settings"][0] | {"run": ""} == {
        **{"run": "", "method": "exact", "ablation": "uniform-causal", "rank_by": "delta"},
        **{"count": "all", "data": ["gsm8k"], "strategy": None, "seed": None},
        **{"n_samples": 8, "n_circuit": 2},
    }


def test_the_order_of_the_settings_changes_nothing_but_their_list():
    found, turned = robust_heads(THREE), robust_heads(THREE[::-1])
    assert found.heads == turned.heads
    assert found.robust["strict"] == turned.robust["strict"]


def test_the_file_reads_back_and_other_heads_are_written_as_before(tmp_path):
    found = robust_heads(THREE, keep=0.5)
    path = tmp_path / "heads.json"
    path.write_text(json.dumps(heads_to_json(found)))
    assert read_heads(path) == found
    assert (
        heads_to_json(found)["measure"] == "loss increase in nats a token, mean over the settings"
    )
    plain = heads_to_json(six_heads())
    assert "robust" not in plain
    assert "kept" not in plain["heads"][0]


@pytest.mark.parametrize(
    ("some", "keep", "words"),
    [
        (THREE[:1], 1.0, "there is one setting.*expected at least two"),
        ([THREE[0], THREE[0]], 1.0, "the run 'heads-0' is given twice"),
        (THREE, 0.0, "keep is 0.0, expected a share"),
        (settings(six_heads(), with_circuit(FIRST, method="retrieval")), 1.0, "retrieval heads"),
        (settings(six_heads(), with_circuit(FIRST, method="robust")), 1.0, "robust heads"),
    ],
)
def test_what_cannot_be_agreed_on_is_refused(some, keep, words):
    with pytest.raises(InputError, match=words):
        robust_heads(some, keep=keep)


def test_heads_of_another_model_are_refused():
    model = replace(six_heads().model, n_layers=6, n_heads=1)
    with pytest.raises(InputError, match="with 6 layers x 1 heads"):
        robust_heads(settings(six_heads(), replace(six_heads(), model=model)))


def test_without_a_head_in_common_the_rule_that_leaves_one_is_told():
    apart = settings(with_circuit(FIRST), with_circuit(SECOND), with_circuit(FIRST))
    with pytest.raises(InputError, match=r"100% of the 3 settings.*L0H1 is.*--keep 0.666"):
        robust_heads(apart)
    assert circuit_of(robust_heads(apart, keep=0.666)).heads == (FIRST,)
