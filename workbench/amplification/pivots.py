"""Pivotal tokens: where a right and a wrong solution of the same problem part ways.

A greedy trace, then sampled ones until one of the opposite correctness; where the two part is said
by a rule (`workbench.amplification.forks`).

    located = find_pivots(network, problems, PivotOptions(max_new_tokens=40, n_samples=2))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from workbench.amplification.forks import Fork, Forking, Pair, forks_of
from workbench.amplification.network import BATCH_TOKENS
from workbench.amplification.problems import Problem, answers_of
from workbench.engines import Decoder
from workbench.errors import InputError
from workbench.options.amplify import RULES

OK, NEVER_RIGHT, NEVER_WRONG, NO_FORK = "ok", "never_right", "never_wrong", "no_fork"
REASONS = {
    OK: "",
    NEVER_RIGHT: "greedy wrong, and no sampled trace is right",
    NEVER_WRONG: "greedy right, and no sampled trace is wrong",
    NO_FORK: "the traces do not part before the context ends",
}
# Seeds of different runs must not share rounds.
ROUNDS = 10_000


@dataclass(frozen=True)
class PivotOptions:
    """`n_samples` traces at most, at `hot` where greedy is right and at `cool` where it is wrong.

    The paper's temperatures are the defaults. `max_new_tokens` of a trace. Results do not depend on
    `batch_tokens`, the cached tokens that are held at once.
    """

    max_new_tokens: int
    rule: str = "prefix"
    n_samples: int = 10
    hot: float = 1.2
    cool: float = 0.8
    seed: int = 0
    batch_tokens: int = BATCH_TOKENS

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise InputError(f"the rule is '{self.rule}'", expected=" or ".join(RULES))
        if not (self.hot > 0 and self.cool > 0):
            raise InputError(
                f"the temperatures are {self.hot:g} and {self.cool:g}",
                expected="numbers above 0: a greedy trace would repeat itself",
            )

    @property
    def forking(self) -> Forking:
        return Forking(self.rule, self.max_new_tokens, self.batch_tokens)


@dataclass(frozen=True)
class Pivot:
    """The tokens up to the fork (ids, since re-tokenising moves boundaries) and both ways on.

    `n_shared` of the prefix are the network's own; `right` and `wrong` begin with the desired and
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


def find_pivots(
    network: Decoder, problems: Sequence[Problem], options: PivotOptions
) -> list[Located]:
    """One record a problem, in order; problems do not influence one another."""
    how = {"max_new_tokens": options.max_new_tokens, "batch_tokens": options.batch_tokens}
    greedy, right = answers_of(network, problems, **how)
    located = [
        Located(problem, NEVER_WRONG if is_so else NEVER_RIGHT, is_so, 0)
        for problem, is_so in zip(problems, right, strict=True)
    ]
    pairs: dict[int, Pair] = {}
    for number in range(options.n_samples):
        for index, trace in _sampled(network, located, pairs, options, number).items():
            pairs[index] = Pair(tuple(greedy[index]), trace, not right[index])
    forks = forks_of(network, problems, pairs, options.forking)
    for index, pair in pairs.items():
        fork = forks[index]
        if fork is None:
            located[index] = replace(located[index], status=NO_FORK)
        else:
            pivot = _pivot(located[index], fork, pair.sampled)
            located[index] = replace(located[index], status=OK, pivot=pivot)
    return located


def _sampled(
    network: Decoder,
    located: list[Located],
    pairs: dict[int, Pair],
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
            network,
            [located[i].problem for i in open_ones],
            max_new_tokens=options.max_new_tokens,
            temperature=temperature,
            seed=options.seed * ROUNDS + number,
            batch_tokens=options.batch_tokens,
        )
        for index, trace, is_right_now in zip(open_ones, traces, right, strict=True):
            located[index] = replace(located[index], n_sampled=number + 1)
            if is_right_now != is_so:
                found[index] = tuple(trace)
    return found


def _pivot(one: Located, fork: Fork, sampled: tuple[int, ...]) -> Pivot:
    place, greedy = fork
    ways = (greedy[place:], sampled[place:])
    right, wrong = ways if one.greedy_right else ways[::-1]
    return Pivot((*one.problem.prompt, *sampled[:place]), place, right, wrong)
