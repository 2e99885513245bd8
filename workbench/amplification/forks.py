"""The fork: where a greedy and a sampled trace of a problem part in a way that decides the answer.

Rule `prefix`: the first position where they differ. Rule `branching`: the first token of the
sampled trace after which the greedy completion is as right, or as wrong, as the sampled trace is.

    forks = forks_of(network, problems, {0: Pair(greedy, sampled, True)}, Forking("prefix", 200))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from workbench.amplification.network import BATCH_TOKENS
from workbench.amplification.problems import Problem, ends_right
from workbench.engines import Decoder, decode

Fork = tuple[int, tuple[int, ...]]
"""The place in the sampled trace, and the greedy trace that leaves it there."""


@dataclass(frozen=True)
class Forking:
    """Which rule, how long a trace may be, and how many cached tokens are held at once."""

    rule: str
    max_new_tokens: int
    batch_tokens: int = BATCH_TOKENS


@dataclass(frozen=True)
class Pair:
    """A problem's current greedy continuation and the sampled trace of the other correctness."""

    greedy: tuple[int, ...]
    sampled: tuple[int, ...]
    sampled_right: bool


def fork_of(greedy: Sequence[int], sampled: Sequence[int]) -> int | None:
    """The first position where both have a token and the tokens differ."""
    for place, (a, b) in enumerate(zip(greedy, sampled, strict=False)):
        if a != b:
            return place
    return None


def forks_of(
    network: Decoder,
    problems: Sequence[Problem],
    pairs: dict[int, Pair],
    how: Forking,
) -> dict[int, Fork | None]:
    """For each pair the pivot's place in the sampled trace, and the greedy trace that leaves there.

    Branching asks for a greedy completion after each token of the sampled trace. While that trace
    follows the completion nothing can change, so only the places where it departs are decoded.
    """
    done: dict[int, Fork | None] = {}
    current = dict(pairs)
    while current:
        places = {i: fork_of(pair.greedy, pair.sampled) for i, pair in current.items()}
        for index, place in places.items():
            if place is None or how.rule == "prefix":
                done[index] = None if place is None else (place, current[index].greedy)
        asked = {i: p for i, p in places.items() if p is not None and i not in done}
        completed = _completed(network, problems, current, asked, how)
        for index, (_, is_so) in completed.items():
            if is_so == current[index].sampled_right:
                done[index] = (asked[index], current[index].greedy)
        current = {i: replace(pairs[i], greedy=completed[i][0]) for i in completed if i not in done}
    return done


def _completed(
    network: Decoder,
    problems: Sequence[Problem],
    pairs: dict[int, Pair],
    places: dict[int, int],
    how: Forking,
) -> dict[int, tuple[tuple[int, ...], bool]]:
    """Greedy completions after the sampled trace's token at each place, with their correctness."""
    order = list(places)
    heads = [pairs[i].sampled[: places[i] + 1] for i in order]
    room = [
        i for i, head in zip(order, heads, strict=True) if _has_room(network, problems[i], head)
    ]
    new: dict[int, list[int]] = {}
    if room:
        prompts = [(*problems[i].prompt, *pairs[i].sampled[: places[i] + 1]) for i in room]
        decoded = decode(
            network,
            prompts,
            max_new_tokens=how.max_new_tokens,
            batch_tokens=how.batch_tokens,
        )
        new = dict(zip(room, decoded, strict=True))
    found = {}
    for index, head in zip(order, heads, strict=True):
        whole = len(head) == len(pairs[index].sampled)
        # A trace is never longer than the sampled ones may be; the last token ends it.
        trace = head if whole else (*head, *new.get(index, []))[: how.max_new_tokens]
        found[index] = (tuple(trace), ends_right(network, problems[index], trace))
    return found


def _has_room(network: Decoder, problem: Problem, head: Sequence[int]) -> bool:
    return len(problem.prompt) + len(head) < network.model.n_ctx
