"""Naturalness and what is left of it without the first tokens of steps."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tests.scoring.test_air import token_losses_of
from tests.scoring.test_score import row, scored, text
from tests.support.planted import N_WORDS, write_copier
from workbench.models import load_model
from workbench.scoring import spearman
from workbench.scoring.naturalness import begins_step, parted_mean, without_first_share

SOLUTION = "He has 3 pens\nshe has 2"


@pytest.fixture(scope="module")
def copier(tmp_path_factory):
    return load_model(str(write_copier(tmp_path_factory.mktemp("copier"))), device="cpu")


def solutions(model, rng, *, told: list[bool]):
    """Rows whose solution goes on as the problem did, or does not."""
    rows = []
    for i, is_told in enumerate(told):
        words = [f"w{w}" for w in rng.permutation(np.arange(3, N_WORDS))[:20]]
        answer = words[:8] if is_told else words[10:18]
        rows.append(row(f"row-{i}", " ".join(words[:10]), " ".join(answer)))
    return rows


@pytest.mark.parametrize("method", ["naturalness", "aslec-drop", "aslec-casl"])
def test_a_solution_that_the_model_could_have_said_scores_high(method, copier):
    told = [i % 2 == 1 for i in range(20)]
    rows = solutions(copier, np.random.default_rng(0), told=told)
    scores = scored(rows, copier, method=method)["score"].to_numpy()
    assert scores[told].min() > scores[~np.array(told)].max()
    chance = scored(rows, copier, method="random")["score"].to_numpy()
    assert chance[told].min() < chance[~np.array(told)].max()


def test_naturalness_is_the_loss_with_the_other_sign(tiny_model, samples):
    for part in ("completion", "prompt", "all"):
        loss, natural = (
            scored(samples, tiny_model, method=name, part=part) for name in ("loss", "naturalness")
        )
        assert natural["score"].tolist() == (-loss["score"]).tolist()
        assert natural["status"].tolist() == loss["status"].tolist()


def test_means_worked_by_hand():
    logprobs, step = np.array([-4.0, -1.0, -2.0, -6.0, -0.5]), np.array([0, 0, 0, 1, 1])
    is_first = begins_step(step, after_unpredicted=False)
    assert is_first.tolist() == [True, False, False, True, False]
    # (-4 - 1 - 2 - 6 - 0.5) / 5; (-4 - 6) / 2; (-1 - 2 - 0.5) / 3; 2 / 5
    assert parted_mean(logprobs, is_first) == pytest.approx((-2.7, -5.0, -3.5 / 3, 0.4))
    later = begins_step(step, after_unpredicted=True)
    assert later.tolist() == [False, False, False, True, False]


def test_the_first_token_of_each_step_is_left_out_of_a_whole_run(tiny_model):
    sample = row("a", "How many?", SOLUTION)
    logprobs = -token_losses_of(tiny_model, sample)[0]
    found = scored([sample], tiny_model, method="aslec-drop").iloc[0]
    # One token a byte: the second line begins behind the break, at the 15th.
    first = np.array([0, 14])
    rest = np.setdiff1d(np.arange(len(SOLUTION)), first)
    assert found["score"] == pytest.approx(logprobs[rest].mean(), abs=1e-5)
    assert found["first_logprob"] == pytest.approx(logprobs[first].mean(), abs=1e-5)
    assert found["naturalness"] == pytest.approx(logprobs.mean(), abs=1e-5)
    assert found["first_share"] == 2 / len(SOLUTION)


def test_plain_text_has_no_predicted_first_token_before_its_second_step(tiny_model):
    frame = scored([text("a", SOLUTION), text("b", "one step")], tiny_model, method="aslec-drop")
    assert frame["first_share"].tolist() == [1 / (len(SOLUTION) - 1), 0.0]
    assert frame["first_logprob"].isna().tolist() == [False, True]
    assert frame["score"].iloc[1] == frame["naturalness"].iloc[1]


def pool(n_rows: int = 60, *, gamma: float = -2.0) -> pd.DataFrame:
    """Rows whose naturalness is made of the three numbers exactly, and of nothing else."""
    rng = np.random.default_rng(0)
    rest, first, share = -rng.random(n_rows), -2 - rng.random(n_rows), rng.random(n_rows) / 4
    raw = 0.5 + 0.9 * rest + 0.1 * first + gamma * share
    columns = {"naturalness": raw, "rest_logprob": rest, "first_logprob": first}
    return pd.DataFrame({**columns, "first_share": share})


def test_the_regression_finds_the_effect_of_the_share_and_takes_it_out():
    frame = pool()
    scores, facts = without_first_share(frame)
    assert facts["regression"] == pytest.approx({"n": 60, "rest": 0.9, "first": 0.1, "gamma": -2.0})
    assert scores == pytest.approx(frame["naturalness"] + 2.0 * frame["first_share"])


def test_the_regression_worked_by_hand_on_rows_that_differ_in_the_share_alone():
    share = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    frame = pd.DataFrame({"rest_logprob": -1.0, "first_logprob": -4.0, "first_share": share})
    # The mean of all tokens: -1 for the rest and -4 for the share, so each tenth costs 0.3.
    scores, facts = without_first_share(frame.assign(naturalness=-1 - 3 * share))
    assert facts["regression"]["gamma"] == pytest.approx(-3.0)
    assert scores == pytest.approx(np.full(5, -1.0))


def test_rows_without_a_first_token_are_no_part_of_the_fit_and_keep_their_mean():
    frame = pool()
    odd = pd.DataFrame([{"naturalness": -9.0, "rest_logprob": -9.0, "first_share": 0.0}])
    scores, facts = without_first_share(pd.concat([frame, odd], ignore_index=True))
    assert facts["regression"]["n"] == 60
    assert facts["regression"]["gamma"] == pytest.approx(-2.0)
    assert scores[-1] == -9.0


def test_too_few_rows_to_fit_on_leave_the_scores_as_they_are():
    frame = pool(4)
    scores, facts = without_first_share(frame)
    assert scores.tolist() == frame["naturalness"].tolist()
    assert facts["regression"] == {"n": 4, "rest": 0.0, "first": 0.0, "gamma": 0.0}


def test_long_steps_are_preferred_until_the_first_tokens_are_accounted_for():
    """Every first token as unlikely as the next, every other one likely: only lengths differ."""
    rng = np.random.default_rng(1)
    found, lengths = [], rng.integers(4, 40, 200)
    for n in lengths:
        step = np.repeat(np.arange(5), n)
        logprobs = np.where(np.diff(step, prepend=-1) > 0, -5.0, -1.0) + rng.normal(0, 0.3, 5 * n)
        found.append(parted_mean(logprobs, begins_step(step, after_unpredicted=False)))
    frame = pd.DataFrame(found)
    adjusted, _ = without_first_share(frame)
    follows = [
        spearman(scores, lengths) for scores in (frame["naturalness"], frame["rest_logprob"])
    ]
    assert follows[0] > 0.9
    assert abs(follows[1]) < 0.2
    assert abs(spearman(adjusted, lengths)) < 0.5


def test_scores_of_a_pool_are_those_of_one_regression_over_all_shards(tiny_model, monkeypatch):
    from workbench.scoring import score as module

    rows = [row(f"row-{i}", "How many?", "ab c" * (i + 1) + "\n1 + 2 = 3\n" * i) for i in range(6)]
    whole = scored(rows, tiny_model, method="aslec-casl")
    monkeypatch.setattr(module, "SHARD_ROWS", 2)
    sharded = scored(rows, tiny_model, method="aslec-casl")
    assert whole["score"].tolist() == pytest.approx(sharded["score"].tolist(), abs=1e-5)
    kept = whole[whole["status"] == "ok"]
    expected, facts = without_first_share(kept)
    assert facts["regression"]["gamma"] != 0
    assert kept["score"].tolist() == expected.tolist()


def test_rows_without_steps_say_why(tiny_model):
    rows = [row("empty", "What?", ""), row("blank", "What?", " \n"), row("one", "What?", "4")]
    for method in ("aslec-drop", "aslec-casl"):
        frame = scored([*rows, row("good", "What?", SOLUTION)], tiny_model, method=method)
        assert frame["status"].tolist() == ["too_short", "too_short", "too_short", "ok"]
        assert frame["reason"][1] == "the completion is blank, so there are no steps"
        assert frame["reason"][2] == "1 tokens of completion, at least 2 are needed"
