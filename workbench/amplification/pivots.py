"""Pivotal tokens: where a right and a wrong solution of the same problem part ways.

A greedy trace, then sampled ones until one of the opposite correctness. Rule `prefix`: the first
position where the two differ. Rule `branching`: the first token of the sampled trace after which
the greedy completion is as right, or as wrong, as the sampled trace is.

    located = find_pivots(model, problems, PivotOptions(rule="branching", max_new_tokens=200))
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from workbench.amplification.network import BATCH_TOKENS
from workbench.circuits.answering import Answerable, answerable
from workbench.data import Reference, is_right
from workbench.errors import InputError
from workbench.models import Model, decode, decoded_text
from workbench.probe import usable_samples
from workbench.types import Sample

RULES = ("prefix", "branching")
OK, NEVER_RIGHT, NEVER_WRONG, NO_FORK = "ok", "never_right", "never_wrong", "no_fork"
REASONS = {
    OK: "",
    NEVER_RIGHT: "greedy wrong, and no sampled trace is right",
    NEVER_WRONG: "greedy right, and no sampled trace is wrong",
    NO_FORK: "the traces do not part before the context ends",
}
# Seeds of different runs must not share rounds.
ROUNDS = 10_000
ROOM, ROOM_SHARE = 8, 0.25


@dataclass(frozen=True)
class PivotOptions:
    """`n_samples` traces at most, at `hot` where greedy is right and at `cool` where it is wrong.

    The paper's temperatures are the defaults. `max_new_tokens` of a trace.
    """

    max_new_tokens: int
    rule: str = "prefix"
    n_samples: int = 10
    hot: float = 1.2
    cool: float = 0.8
    seed: int = 0

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise InputError(f"the rule is '{self.rule}'", expected=" or ".join(RULES))
        if not (self.hot > 0 and self.cool > 0):
            raise InputError(
                f"the temperatures are {self.hot:g} and {self.cool:g}",
                expected="numbers above 0: a greedy trace would repeat itself",
            )


@dataclass(frozen=True)
class Problem:
    """A problem whose answer can be checked; `label` is its value in a column of the data."""

    row_id: str
    row_index: int
    source: str
    text: str
    prompt: tuple[int, ...]
    n_solution: int
    reference: Reference
    label: Any = None


@dataclass(frozen=True)
class Pivot:
    """The tokens up to the fork (ids, since re-tokenising moves boundaries) and both ways on.

    `n_shared` of the prefix are the model's own; `right` and `wrong` begin with the desired and
    the undesired token and go on to the end of either trace.
    """

    prefix: tuple[int, ...]
    n_shared: int
    right: tuple[int, ...]
    wrong: tuple[int, ...]

    @property
    def desired(self) -> int:
        return self.right[0]

    @property
    def undesired(self) -> int:
        return self.wrong[0]


@dataclass(frozen=True)
class Located:
    """What became of one problem; `pivot` only if `status` is `ok`."""

    problem: Problem
    status: str
    greedy_right: bool
    n_sampled: int
    pivot: Pivot | None = None


def problems_of(
    model: Model,
    samples: Sequence[Sample],
    *,
    label: str | None = None,
    left_out: Counter[str] | None = None,
) -> list[Problem]:
    """The samples that fit the model and have an answer to hold a decoded one against.

    The others are counted by reason in `left_out`.
    """
    found = []
    for index, rendered in usable_samples(model, samples, left_out=left_out).items():
        checkable = answerable({index: rendered}, samples, n=1)
        if checkable:
            found.append(_problem(samples[index], checkable[0], label))
        elif left_out is not None:
            left_out["no answer that can be checked"] += 1
    return found


def _problem(sample: Sample, checkable: Answerable, label: str | None) -> Problem:
    return Problem(
        row_id=sample.row_id,
        row_index=sample.row_index,
        source=sample.source,
        text=sample.prompt,
        prompt=tuple(checkable.prompt),
        n_solution=checkable.n_solution,
        reference=checkable.reference,
        label=None if label is None else sample.row.get(label),
    )


def allowed_length(problems: Sequence[Problem]) -> int:
    """How long a trace may be by default: a quarter more than the longest given solution."""
    return round(max(problem.n_solution for problem in problems) * (1 + ROOM_SHARE)) + ROOM


def answers_of(
    model: Model,
    problems: Sequence[Problem],
    *,
    max_new_tokens: int,
    temperature: float = 0.0,
    seed: int = 0,
) -> tuple[list[list[int]], list[bool]]:
    """A trace of each problem, and whether its answer is right."""
    traces = decode(
        model,
        [problem.prompt for problem in problems],
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        seed=seed,
        batch_tokens=BATCH_TOKENS,
    )
    return traces, [_is_right(model, p, t) for p, t in zip(problems, traces, strict=True)]


def _is_right(model: Model, problem: Problem, trace: Sequence[int]) -> bool:
    return is_right(decoded_text(model, trace), problem.reference)


@dataclass(frozen=True)
class _Pair:
    """A problem's current greedy continuation and the sampled trace of the other correctness."""

    greedy: tuple[int, ...]
    sampled: tuple[int, ...]


def find_pivots(model: Model, problems: Sequence[Problem], options: PivotOptions) -> list[Located]:
    """One record a problem, in order; problems do not influence one another."""
    greedy, right = answers_of(model, problems, max_new_tokens=options.max_new_tokens)
    located = [
        Located(problem, NEVER_WRONG if is_so else NEVER_RIGHT, is_so, 0)
        for problem, is_so in zip(problems, right, strict=True)
    ]
    pairs: dict[int, _Pair] = {}
    for number in range(options.n_samples):
        for index, trace in _sampled(model, located, pairs, options, number).items():
            pairs[index] = _Pair(tuple(greedy[index]), trace)
    forks = _forks(model, located, pairs, options)
    for index, pair in pairs.items():
        fork = forks[index]
        if fork is None:
            located[index] = replace(located[index], status=NO_FORK)
        else:
            pivot = _pivot(located[index], fork, pair.sampled)
            located[index] = replace(located[index], status=OK, pivot=pivot)
    return located


def _sampled(
    model: Model,
    located: list[Located],
    pairs: dict[int, _Pair],
    options: PivotOptions,
    number: int,
) -> dict[int, tuple[int, ...]]:
    """One more trace of every problem without a pair; those of the opposite correctness."""
    found = {}
    for is_so, temperature in ((True, options.hot), (False, options.cool)):
        open_ones = [
            i for i, one in enumerate(located) if one.greedy_right == is_so and i not in pairs
        ]
        if not open_ones:
            continue
        traces, right = answers_of(
            model,
            [located[i].problem for i in open_ones],
            max_new_tokens=options.max_new_tokens,
            temperature=temperature,
            seed=options.seed * ROUNDS + number,
        )
        for index, trace, is_right_now in zip(open_ones, traces, right, strict=True):
            located[index] = replace(located[index], n_sampled=number + 1)
            if is_right_now != is_so:
                found[index] = tuple(trace)
    return found


def fork_of(greedy: Sequence[int], sampled: Sequence[int]) -> int | None:
    """The first position where both have a token and the tokens differ."""
    for place, (a, b) in enumerate(zip(greedy, sampled, strict=False)):
        if a != b:
            return place
    return None


def _forks(
    model: Model,
    located: Sequence[Located],
    pairs: dict[int, _Pair],
    options: PivotOptions,
) -> dict[int, tuple[int, tuple[int, ...]] | None]:
    """For each pair the pivot's place in the sampled trace, and the greedy trace that leaves there.

    Branching asks for a greedy completion after each token of the sampled trace. While that trace
    follows the completion nothing can change, so only the places where it departs are decoded.
    """
    done: dict[int, tuple[int, tuple[int, ...]] | None] = {}
    current = dict(pairs)
    while current:
        places = {i: fork_of(pair.greedy, pair.sampled) for i, pair in current.items()}
        for index, place in places.items():
            if place is None or options.rule == "prefix":
                done[index] = None if place is None else (place, current[index].greedy)
        asked = {i: p for i, p in places.items() if p is not None and i not in done}
        completed = _completed(model, located, current, asked, options)
        for index, (_, is_so) in completed.items():
            if is_so != located[index].greedy_right:
                done[index] = (asked[index], current[index].greedy)
        current = {i: _Pair(completed[i][0], pairs[i].sampled) for i in completed if i not in done}
    return done


def _completed(
    model: Model,
    located: Sequence[Located],
    pairs: dict[int, _Pair],
    places: dict[int, int],
    options: PivotOptions,
) -> dict[int, tuple[tuple[int, ...], bool]]:
    """Greedy completions after the sampled trace's token at each place, with their correctness."""
    order = list(places)
    heads = [pairs[i].sampled[: places[i] + 1] for i in order]
    room = [i for i, head in zip(order, heads, strict=True) if _has_room(model, located[i], head)]
    new: dict[int, list[int]] = {}
    if room:
        prompts = [(*located[i].problem.prompt, *pairs[i].sampled[: places[i] + 1]) for i in room]
        decoded = decode(
            model,
            prompts,
            max_new_tokens=options.max_new_tokens,
            batch_tokens=BATCH_TOKENS,
        )
        new = dict(zip(room, decoded, strict=True))
    found = {}
    for index, head in zip(order, heads, strict=True):
        whole = len(head) == len(pairs[index].sampled)
        # A trace is never longer than the sampled ones may be; the last token ends it.
        trace = head if whole else (*head, *new.get(index, []))[: options.max_new_tokens]
        found[index] = (tuple(trace), _is_right(model, located[index].problem, trace))
    return found


def _has_room(model: Model, one: Located, head: Sequence[int]) -> bool:
    return len(one.problem.prompt) + len(head) < model.n_ctx


def _pivot(one: Located, fork: tuple[int, tuple[int, ...]], sampled: tuple[int, ...]) -> Pivot:
    place, greedy = fork
    ways = (greedy[place:], sampled[place:])
    right, wrong = ways if one.greedy_right else ways[::-1]
    return Pivot((*one.problem.prompt, *sampled[:place]), place, right, wrong)
