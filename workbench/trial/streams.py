"""What each arm reads: rows in rounds until its tokens are spent, cut into equally many steps.

budget = budget_of([corpus.row_ids], corpus, None)
stream = streams_of(arms, corpus, budget, seeds=[0])["random", 0]
batches = stream.batches(budget.tokens, n_steps=1)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from workbench.errors import InputError
from workbench.trial.arms import RANDOM, Arm
from workbench.trial.rows import Corpus
from workbench.tuning import Example


@dataclass(frozen=True)
class Budget:
    """`tokens` that every arm reads; `set_tokens` are those of the rows that `random` may read."""

    tokens: int
    set_tokens: int


@dataclass(frozen=True)
class Stream:
    """Ids and examples in the order they are read, and how many different rows there were."""

    row_ids: tuple[str, ...]
    examples: tuple[Example, ...]
    n_rows: int
    set_tokens: int

    @property
    def lengths(self) -> list[int]:
        return [len(example.ids) for example in self.examples]

    @property
    def n_tokens(self) -> int:
        return sum(self.lengths)

    @property
    def rounds(self) -> float:
        """How often the rows of the arm are read."""
        return self.n_tokens / self.set_tokens

    def batches(self, tokens: int, *, n_steps: int) -> list[list[int]]:
        """Places of the rows of each step: those that begin in its equal part of the tokens.

        No step is empty as long as no row is longer than such a part.
        """
        begins = np.concatenate([[0], np.cumsum(self.lengths)[:-1]])
        steps = (begins * n_steps // tokens).tolist()
        found: list[list[int]] = [[] for _ in range(n_steps)]
        for place, step in enumerate(steps):
            found[step].append(place)
        return found


def budget_of(selections: Sequence[Sequence[str]], corpus: Corpus, tokens: int | None) -> Budget:
    """The tokens asked for, or those of the smallest selection, whose size `random` has too."""
    sizes = [sum(len(example.ids) for _, example in _usable(s, corpus)) for s in selections]
    if not min(sizes):
        why = ", ".join(f"{n} {status}" for status, n in corpus.left_out.items())
        raise InputError(
            f"none of the rows of a selection can be trained on ({why})",
            expected="rows with a completion that fit into the context",
            do="select from such rows, or pass a larger --max-length",
        )
    return Budget(tokens or min(sizes), min(sizes))


def streams_of(
    arms: Sequence[Arm], corpus: Corpus, budget: Budget, *, seeds: Sequence[int]
) -> dict[tuple[str, int], Stream]:
    """The stream of every arm and seed."""
    return {(arm.name, seed): _stream(arm, corpus, budget, seed) for seed in seeds for arm in arms}


def n_steps_of(streams: Sequence[Stream], budget: Budget, *, rows_per_step: int) -> int:
    """As many steps as give `rows_per_step` rows of mean length, and no more than leave none empty.

    One number for all arms, so that none learns faster.
    """
    lengths = [length for stream in streams for length in stream.lengths]
    wanted = round(budget.tokens / (rows_per_step * float(np.mean(lengths))))
    return max(1, min(wanted, budget.tokens // max(lengths)))


def _stream(arm: Arm, corpus: Corpus, budget: Budget, seed: int) -> Stream:
    """Rounds over the arm's rows, each in an order of its own, until the tokens are read."""
    rows: list[str] = arm.rows(seed)
    if arm.kind == RANDOM:
        rows = sorted(_until(_usable(rows, corpus), budget.set_tokens))
    read: list[tuple[str, Example]] = []
    spent, n_rows, set_tokens = 0, 0, 0
    for number, one in _rounds(rows, corpus, seed):
        if spent >= budget.tokens:
            break
        read.append(one)
        spent += len(one[1].ids)
        if number == 0:
            n_rows, set_tokens = n_rows + 1, set_tokens + len(one[1].ids)
    ids, examples = zip(*read, strict=True)
    return Stream(ids, examples, n_rows, set_tokens)


def _rounds(
    rows: Sequence[str], corpus: Corpus, seed: int
) -> Iterator[tuple[int, tuple[str, Example]]]:
    """Every usable row, round by round without end; each round is numbered."""
    number, found = 0, True
    while found:
        found = False
        order: list[int] = np.random.default_rng([seed, number]).permutation(len(rows)).tolist()
        shuffled: list[str] = [rows[i] for i in order]
        for one in _usable(shuffled, corpus):
            found = True
            yield number, one
        number += 1
    raise InputError("an arm has no row that can be trained on", expected="rows with a completion")


def _usable(rows: Sequence[str], corpus: Corpus) -> Iterator[tuple[str, Example]]:
    for row_id in rows:
        if (example := corpus.example(row_id)) is not None:
            yield row_id, example


def _until(rows: Iterator[tuple[str, Example]], tokens: int) -> Iterator[str]:
    """The rows until so many tokens are together, the last one still taken."""
    spent = 0
    for row_id, example in rows:
        if spent >= tokens:
            return
        spent += len(example.ids)
        yield row_id
