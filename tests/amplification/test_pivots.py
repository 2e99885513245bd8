"""Pivotal tokens of made-up traces: by hand, and against extending them token by token."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import workbench.amplification.forks as forks_module
import workbench.amplification.pivots as pivots_module
from workbench.amplification import PivotOptions, Problem, find_pivots
from workbench.amplification.forks import Forking, Pair, fork_of, forks_of
from workbench.amplification.network import PlainNetwork
from workbench.data import Reference
from workbench.types import ModelInfo

STOP = 0


@pytest.mark.parametrize(
    ("greedy", "sampled", "place"),
    [
        ([1, 2, 3], [1, 5, 3], 1),
        ([4, 2], [1, 2], 0),
        ([1, 2, 3], [1, 2], None),
        ([1, 2], [1, 2, 3], None),
        ([7, 7, 7, 8], [7, 7, 7, 9, 1], 3),
    ],
)
def test_the_prefix_rule_finds_the_first_difference(greedy, sampled, place):
    assert fork_of(greedy, sampled) == place
    assert fork_of(sampled, greedy) == place


def a_model(n_ctx: int = 1000) -> PlainNetwork:
    """What only its context is asked of."""
    info = ModelInfo("made up", None, "", n_layers=1, n_heads=1)
    return PlainNetwork(wrapped=None, tokenizer=None, info=info, n_ctx=n_ctx, facts={})


def a_problem(*prompt: int) -> Problem:
    reference = Reference("1", marked=True)
    return Problem("row", 0, "tests", "text", tuple(prompt), n_solution=3, reference=reference)


def next_token(text: tuple[int, ...], seed: int) -> int:
    """A model without weights: any token from 0 (stop) to 3, by the whole text."""
    return hash((seed, text)) % 4


def complete(text: tuple[int, ...], n_new: int, seed: int) -> list[int]:
    new: list[int] = []
    while len(new) < n_new and (not new or new[-1] != STOP):
        new.append(next_token((*text, *new), seed))
    return new


def is_right(trace: tuple[int, ...]) -> bool:
    return sum(trace) % 2 == 0


def token_by_token(prompt, sampled, sampled_right, n_new, seed):
    """docs/methods.md, Amplification: extend, complete greedily, stop at the first flip."""
    for n in range(1, len(sampled) + 1):
        head = tuple(sampled[:n])
        over = n == len(sampled)
        whole = head if over else (*head, *complete((*prompt, *head), n_new, seed))[:n_new]
        if is_right(whole) == sampled_right:
            before = tuple(sampled[: n - 1])
            greedy = (*before, *complete((*prompt, *before), n_new, seed))[:n_new]
            return n - 1, greedy
    return None


@given(st.integers(0, 10**6), st.lists(st.integers(1, 3), min_size=1, max_size=9))
def test_branching_is_extending_the_sampled_trace_token_by_token(seed, drawn):
    n_new, problem = 10, a_problem(5, seed % 7)
    sampled = (*drawn, STOP)
    greedy = tuple(complete(problem.prompt, n_new, seed))
    if is_right(greedy) == is_right(sampled):
        return

    def decode(network, prompts, *, max_new_tokens, batch_tokens):
        return [complete(tuple(prompt), max_new_tokens, seed) for prompt in prompts]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forks_module, "decode", decode)
        patch.setattr(forks_module, "ends_right", lambda model, problem, trace: is_right(trace))
        pair = Pair(greedy, sampled, is_right(sampled))
        found = forks_of(a_model(), [problem], {0: pair}, Forking("branching", n_new))
    expected = token_by_token(problem.prompt, sampled, is_right(sampled), n_new, seed)
    assert expected is not None
    assert found == {0: expected}


def test_the_prefix_rule_decodes_nothing(monkeypatch):
    def decode(*_arguments, **_options):
        raise AssertionError

    monkeypatch.setattr(forks_module, "decode", decode)
    pair = Pair((1, 2, 3), (1, 3), sampled_right=True)
    assert forks_of(a_model(), [a_problem(9)], {0: pair}, Forking("prefix", 5)) == {
        0: (1, (1, 2, 3))
    }


RIGHT, WRONG = 2, 1


@pytest.fixture
def traces(monkeypatch):
    """`traces[prompt] = (greedy, [sampled ...])`; a trace is right if it ends in 2."""
    found: dict[int, tuple[list[int], list[list[int]]]] = {}
    asked: list[tuple[int, float, int]] = []

    def answers_of(model, problems, *, max_new_tokens, batch_tokens, temperature=0.0, seed=0):
        said = []
        for problem in problems:
            (key,) = problem.prompt
            asked.append((key, temperature, seed))
            said.append(found[key][1][seed % 100] if temperature else found[key][0])
        return said, [trace[-1] == RIGHT for trace in said]

    monkeypatch.setattr(pivots_module, "answers_of", answers_of)
    return found, asked


def test_every_problem_gets_its_fork_or_the_reason_why_not(traces):
    found, asked = traces
    found[10] = ([5, 7, WRONG], [[5, 7, 3, WRONG], [5, 8, RIGHT], [5, 9, RIGHT]])
    found[11] = ([5, RIGHT], [[5, RIGHT], [5, 5, RIGHT], [4, WRONG]])
    found[12] = ([WRONG], [[WRONG]] * 3)
    found[13] = ([RIGHT], [[RIGHT]] * 3)
    found[14] = ([7, WRONG], [[7, WRONG, RIGHT]] * 3)
    options = PivotOptions(max_new_tokens=5, n_samples=3, hot=1.5, cool=0.5, seed=0)
    located = find_pivots(a_model(), [a_problem(key) for key in found], options)
    status = ["ok", "ok", "never_right", "never_wrong", "no_fork"]
    assert [one.status for one in located] == status
    assert [one.n_sampled for one in located] == [2, 3, 3, 3, 1]
    first, second = located[0].pivot, located[1].pivot
    assert first is not None
    assert second is not None
    assert (first.prefix, first.desired, first.undesired) == ((10, 5), 8, 7)
    assert (second.prefix, second.desired, second.undesired) == ((11,), 5, 4)
    assert (first.right, first.wrong, first.n_shared) == ((8, RIGHT), (7, WRONG), 1)
    temperatures = {key: {t for k, t, _ in asked if k == key} for key in found}
    assert temperatures == {10: {0, 0.5}, 11: {0, 1.5}, 12: {0, 0.5}, 13: {0, 1.5}, 14: {0, 0.5}}


def test_seeds_share_no_round(traces):
    found, asked = traces
    found[10] = ([WRONG], [[WRONG]] * 10)
    rounds = []
    for seed in (0, 1):
        asked.clear()
        find_pivots(a_model(), [a_problem(10)], PivotOptions(max_new_tokens=5, seed=seed))
        rounds.append({seed for _, temperature, seed in asked if temperature})
    assert len(rounds[0]) == len(rounds[1]) == 10
    assert not rounds[0] & rounds[1]
