"""Near duplicates: who stays for whom, what is missed, and a pool that is as if they were not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.selection.test_select import ids, scores_table
from workbench.errors import InputError
from workbench.selection import POLICIES, select
from workbench.selection.near_duplicates import band_width, missed, stand_ins
from workbench.selection.signatures import likeness, signer

N, LEAST = 60, 0.8


def words(*numbers: int) -> str:
    return " ".join(f"w{number}" for number in numbers)


def texts_of(n_rows: int = N) -> list[str]:
    """Rows 0 to 9, two more versions of each with another last word, and rows like no other."""
    own = [[1000 * i + j for j in range(80)] for i in range(n_rows)]
    for i in range(10):
        own[10 + i], own[20 + i] = [*own[i][:79], -i - 1], [*own[i][:79], -i - 100]
    return [words(*row) for row in own]


def signed(texts: list[str]) -> np.ndarray:
    sign = signer()
    return np.stack([sign(text) for text in texts])


@pytest.fixture(scope="module")
def signatures() -> np.ndarray:
    return signed(texts_of())


def drawn(scores, signatures, policy="top", **how):
    how = {"n": 20} | how
    return select(scores, policy=policy, near_duplicates=LEAST, signatures=signatures, **how)


def test_the_first_of_a_group_stays_and_what_is_left_out_is_like_a_row_that_stays(signatures):
    order = np.random.default_rng(3).permutation(N)
    stays_for = stand_ins(signatures, order, least=LEAST)
    place = {row: i for i, row in enumerate(order.tolist())}
    for row, stand_in in zip(order.tolist(), stays_for.tolist(), strict=True):
        group = {row % 10, 10 + row % 10, 20 + row % 10} if row < 30 else {row}
        assert stand_in == min(group, key=place.__getitem__)
        assert likeness(signatures[row], signatures[[stand_in]])[0] >= LEAST


def test_a_row_that_is_left_out_stands_in_for_none():
    # The middle one is like both others, which are not alike.
    numbers = list(range(100))
    chain = [words(*numbers), words(*numbers[12:], *range(200, 212)), words(*numbers[24:])]
    chain[2] += " " + words(*range(200, 224))
    alike = signed(chain)
    assert [likeness(alike[i], alike[[j]])[0] >= 0.7 for i, j in ((0, 1), (1, 2), (0, 2))] == [
        *(True, True, False)
    ]
    assert stand_ins(alike, np.array([0, 1, 2]), least=0.7).tolist() == [0, 0, 2]
    assert stand_ins(alike, np.array([1, 0, 2]), least=0.7).tolist() == [1, 1, 1]


def test_rows_that_are_kept_in_any_case_come_first_and_stay(signatures):
    order = np.array([10, 0, 20, 5])
    assert stand_ins(signatures, order, least=LEAST).tolist() == [10, 10, 10, 5]
    assert stand_ins(signatures, order, least=LEAST, n_kept=2).tolist() == [10, 0, 10, 5]


@pytest.mark.parametrize("least", [0.5, 0.6, 0.7, 0.8, 0.9, 0.95])
def test_bands_are_the_widest_that_miss_one_pair_in_a_hundred_at_most(least):
    width = band_width(least)
    assert missed(least, width) <= 0.01 < missed(least, width + 1)


def test_bands_find_the_pairs_that_they_are_said_to_find():
    # Likeness 0.8 by construction: each place agrees with that chance.
    rng, n = np.random.default_rng(1), 2000
    one = rng.integers(2**32, size=(n, 256), dtype=np.uint32)
    other = np.where(rng.random((n, 256)) < 0.8, one, rng.integers(2**32, size=(n, 256)))
    both = np.concatenate([one, other.astype(np.uint32)])
    alike = (one == other).mean(1) >= 0.8
    found = stand_ins(both, np.arange(2 * n), least=0.8)[n:] == np.arange(n)
    assert not found[~alike].any()
    assert found[alike].mean() >= 0.99


@pytest.mark.parametrize("policy", POLICIES)
def test_the_draw_is_that_of_a_pool_without_them(policy, signatures):
    scores = scores_table(N)
    chosen = drawn(scores, signatures, policy, fraction=0.5, n=None, group_by="length_bin", seed=3)
    assert chosen.diagnostics["near_duplicates"]["left_out"] == 20
    assert chosen.diagnostics["near_duplicates"]["stay_for_them"] == 10
    assert chosen.diagnostics["status_counts"] == {"near_duplicate": 20, "ok": 40}
    assert len(chosen.rows) == 20
    everything = ids(drawn(scores, signatures, policy, n=40, seed=3))
    out = sorted(set(scores["row_id"]) - set(everything))
    by_hand = {"policy": policy, "fraction": 0.5, "group_by": "length_bin", "seed": 3, "drop": out}
    pd.testing.assert_frame_equal(chosen.rows, select(scores, **by_hand).rows)


@pytest.mark.parametrize(("policy", "best"), [("top", np.argmax), ("bottom", np.argmin)])
@pytest.mark.parametrize("adjust", ["none", "length"])
def test_the_best_by_the_policy_stays(policy, best, adjust, signatures):
    scores = scores_table(N)
    value = scores["score" if adjust == "none" else "score_within_length"].to_numpy()
    chosen = set(ids(drawn(scores, signatures, policy, n=40, adjust=adjust)))
    for i in range(10):
        group = [i, 10 + i, 20 + i]
        stays = group[int(best(value[group]))]
        assert {f"id-{row}" for row in group} & chosen == {f"id-{stays}"}


@pytest.mark.parametrize("policy", POLICIES)
def test_neither_the_order_of_the_rows_nor_a_second_call_changes_anything(policy, signatures):
    scores = scores_table(N)
    turned = np.random.default_rng(5).permutation(N)
    first = drawn(scores, signatures, policy, seed=2)
    again = drawn(scores.iloc[turned], signatures[turned], policy, seed=2)
    pd.testing.assert_frame_equal(first.rows, again.rows)
    assert first.diagnostics == again.diagnostics


def test_copies_make_a_row_no_likelier_to_be_drawn():
    texts = [words(*range(1000 * i, 1000 * i + 40)) for i in range(10)]
    scores = scores_table(40).assign(score=1.0)
    signatures = signed([*texts, *[texts[0]] * 30])
    n_copied = 0
    for seed in range(400):
        chosen = drawn(scores, signatures, "soft", n=1, seed=seed)
        n_copied += chosen.rows["row_index"][0] in (0, *range(10, 40))
        assert chosen.rows["p"].tolist() == [pytest.approx(0.1)]
    # A binomial of 400 and 0.1 has a standard deviation of 6; 31 of 40 would be 310.
    assert 16 <= n_copied <= 64


def test_rows_kept_by_hand_stay_and_dropped_ones_stand_in_for_none(signatures):
    scores = scores_table(N)
    by_hand = {"keep": ["id-0", "id-10"], "drop": ["id-1", "id-11"]}
    chosen = drawn(scores, signatures, n=5, **by_hand)
    assert {"id-0", "id-10"} <= set(ids(chosen))
    assert chosen.diagnostics["status_counts"] == {"dropped": 2, "near_duplicate": 17, "ok": 41}
    everything = set(ids(drawn(scores, signatures, n=41, **by_hand)))
    assert "id-21" in everything
    assert "id-20" not in everything


def test_what_cannot_be_done_is_said(signatures):
    scores = scores_table(N)
    with pytest.raises(InputError, match="signatures of texts are none"):
        drawn(scores, None)
    with pytest.raises(InputError, match="signatures of texts are 9"):
        drawn(scores, signatures[:9])
    with pytest.raises(InputError, match="expected 1 to 40"):
        drawn(scores, signatures, n=41)
