"""Racing: the top heads of a probe without running every head on every sample.

All heads start on the same few samples. At each look the leaders so far run ahead, which makes the
cut sharp for little; a head whose interval lies below theirs is dropped, and the others go on, on
half as many samples again. The race ends when no more heads are left than are selected, or all of
the probe is read. With a tolerance it ends as soon as no head left out can matter more than a
selected one by more than that.

    raced = race(measure, n_samples=300, n_heads=144, n_selected=7)
    raced.selected, raced.means, raced.statement

The bounds: docs/methods.md, Faster importance. Pure: `measure` may run a model or look numbers up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Float64, Int

from workbench.ablation.intervals import certainly_below

FIRST, CONFIDENCE = 8, 0.95

Measure = Callable[[Sequence[int], Sequence[int]], Float64[np.ndarray, "sample head"]]
"""`measure(samples, heads)`: the delta of each of these heads on each of these samples."""


@dataclass(frozen=True)
class Look:
    """Heads (by number) that were run together on the same further samples."""

    n_samples: int
    heads: tuple[int, ...]


@dataclass(frozen=True)
class Standing:
    """Where a race stands before its next look, in head samples: a head run on a sample.

    `n_left` heads run on; all that were not dropped can take `at_most` head samples together with
    those `done`, and `expected` if half of those that are no leaders fall out at every look.
    """

    look: int
    n_left: int
    done: int
    expected: int
    at_most: int


@dataclass(frozen=True)
class Raced:
    """`deltas` is NaN where a head was not run; `looks` is what was run, in order.

    `selected` are the heads that won, `kept` those that were never dropped: the same, or more where
    the whole probe was needed to tell them apart, or where they are within `margin` of each other.
    """

    deltas: Float64[np.ndarray, "sample head"]
    looks: tuple[Look, ...]
    kept: tuple[int, ...]
    selected: tuple[int, ...]
    confidence: float
    tolerance: float = 0.0
    margin: float = 0.0

    @property
    def seen(self) -> Int[np.ndarray, " head"]:
        """How many samples each head was run on."""
        return (~np.isnan(self.deltas)).sum(axis=0)

    @property
    def means(self) -> Float64[np.ndarray, " head"]:
        """Mean delta over the samples seen; -inf for a head that was never run."""
        totals, seen = np.nansum(self.deltas, axis=0), self.seen
        return np.where(seen > 0, totals / np.maximum(seen, 1), -np.inf)

    @property
    def near_ties(self) -> tuple[int, ...]:
        """Heads that may be as good as a selected one, and were not run on to tell."""
        seen = self.seen
        return tuple(h for h in self.kept if h not in self.selected and seen[h] < len(self.deltas))

    @property
    def n_spared(self) -> int:
        """Head samples that the tolerance has spared at most: what is left of all heads kept."""
        return int((len(self.deltas) - self.seen[list(self.kept)]).sum()) if self.near_ties else 0

    @property
    def statement(self) -> str:
        """What is certain about the result, and on what condition."""
        promised = f"the top {len(self.selected)} are those of the whole probe"
        if self.near_ties:
            promised = (
                f"no head left out matters more on the whole probe than one of these "
                f"{len(self.selected)} by more than {self.margin:.2g} nats a token "
                f"({self.tolerance:.0%} of the least of them),"
            )
        return (
            f"{promised} with probability of at least "
            f"{self.confidence:g}, provided that Student's interval holds for the mean delta of a "
            "head over the samples drawn; a head that matters on very few samples only can break it"
        )


def race(
    measure: Measure,
    *,
    n_samples: int,
    n_heads: int,
    n_selected: int,
    confidence: float = CONFIDENCE,
    tolerance: float = 0.0,
    first: int = FIRST,
    leaders_whole: bool = False,
    seed: int = 0,
    on_look: Callable[[Standing], None] = lambda standing: None,
) -> Raced:
    """Run `n_heads` on growing samples of one probe, drawn without replacement, and drop the rest.

    A wrong result needs a top head dropped. It is dropped when it looks worse than every leader,
    and one of these is no better than it; so the error probability 1 - `confidence` is shared out
    over the `n_selected` top heads and the looks (Bonferroni), one-sided. Heads keep the mean over
    the samples they saw. `leaders_whole` runs leaders on all of the probe at once, which pays where
    little of what the other heads do is open.

    A head that looks better than no leader by more than `tolerance`, a share of the least leader's
    mean, waits: it runs no further unless a later look finds otherwise. When all others wait the
    race ends. Wrong is then a head left out that is better than a selected one by more; if there is
    any there is one among the top heads, so the error probability is shared out alike.
    """
    sizes = look_sizes(n_samples, first=first)
    # The last look is one more where heads have waited for it.
    level = (1 - confidence) / (n_selected * max(1, len(sizes) + (tolerance > 0)))
    table = _Table(measure, np.random.default_rng(seed).permutation(n_samples), n_heads)
    kept, leaders, others, margin = list(range(n_heads)), [], list(range(n_heads)), 0.0
    for number, size in enumerate([*sizes, n_samples], start=1):
        ahead = n_samples if leaders_whole else leaders_size(size, n_samples)
        while others:
            on_look(table.standing(number, kept, others, n_selected))
            table.run(sorted([*leaders, *others]), size)
            leaders = table.leaders(kept, n_selected, (size, ahead))
            margin = tolerance * max(0.0, float(table.means(leaders, ahead).min()))
            # At the end nothing is open of heads that were run on the whole probe.
            rest = [
                head
                for head in kept
                if head not in leaders and (size < n_samples or table.n_seen[head] < n_samples)
            ]
            below = partial(table.below, rest, leaders, (size, ahead), level=level)
            dropped = below(margin=0.0)
            close = below(margin=margin) if margin else dropped
            kept = [head for head in kept if head not in dropped]
            others = [head for head in rest if head not in close]
            if size < n_samples:
                break
    return Raced(
        deltas=table.by_sample,
        looks=tuple(table.looks),
        kept=tuple(kept),
        selected=tuple(sorted(leaders)),
        confidence=confidence,
        tolerance=tolerance,
        margin=margin,
    )


class _Table:
    """Deltas by head and place in the order of the draw, as far as they were run."""

    def __init__(self, measure: Measure, order: Int[np.ndarray, " sample"], n_heads: int) -> None:
        self.measure, self.order, self.looks = measure, order, []
        self.deltas = np.full((n_heads, len(order)), np.nan)
        self.n_seen = np.zeros(n_heads, dtype=int)

    def run(self, heads: Sequence[int], stop: int) -> None:
        """Every head on from where it stands."""
        for start in sorted({int(self.n_seen[h]) for h in heads if self.n_seen[h] < stop}):
            samples = self.order[start:stop].tolist()
            chosen = [h for h in heads if self.n_seen[h] == start]
            self.deltas[chosen, start:stop] = self.measure(samples, chosen).T
            self.n_seen[chosen] = stop
            self.looks.append(Look(len(samples), tuple(chosen)))

    def means(self, heads: Sequence[int], size: int) -> Float64[np.ndarray, " head"]:
        """Over the first `size` samples, or as many of them as a head was run on."""
        return np.nanmean(self.deltas[list(heads), :size], axis=1)

    def leaders(self, kept: Sequence[int], n: int, places: tuple[int, int]) -> list[int]:
        """The best `n` on the first `size` samples, run on to `ahead`."""
        size, ahead = places
        while True:
            best = _best(kept, self.means(kept, size), n)
            if (self.n_seen[best] >= ahead).all():
                return best
            # One that has waited may turn out to be none.
            self.run(best, ahead)

    def below(
        self,
        heads: Sequence[int],
        leaders: Sequence[int],
        places: tuple[int, int],
        *,
        level: float,
        margin: float,
    ) -> set[int]:
        """Heads certainly below every leader, or above none by more than `margin`."""
        (size, ahead), found = places, set()
        for n_seen in {min(size, int(self.n_seen[h])) for h in heads}:
            some = [h for h in heads if min(size, self.n_seen[h]) == n_seen]
            lost = certainly_below(
                self.deltas[some, :n_seen].T,
                self.deltas[leaders, :ahead].T,
                len(self.order),
                n_chosen=size,
                level=level,
                margin=margin,
            )
            found |= {head for head, is_lost in zip(some, lost, strict=True) if is_lost}
        return found

    def standing(
        self, look: int, kept: Sequence[int], others: Sequence[int], n_selected: int
    ) -> Standing:
        n_samples, done = len(self.order), int(self.n_seen.sum())
        left = n_samples - self.n_seen[list(kept)]
        # Each look adds half of what was seen; of the heads that go on half stay.
        seen = max(FIRST, int(self.n_seen[list(others)].min()))
        steps = [int(seen * 1.5**i / 2 * len(others) / 2**i) for i in range(32)]
        in_the_end = n_selected * (n_samples - seen) // 2
        return Standing(
            look=look,
            n_left=len(others) + (n_selected if look > 1 else 0),
            done=done,
            expected=done + min(int(left.sum()), sum(steps) + in_the_end),
            at_most=done + int(left.sum()),
        )

    @property
    def by_sample(self) -> Float64[np.ndarray, "sample head"]:
        """The same by sample, as the probe has them."""
        by_sample = np.empty(self.deltas.T.shape)
        by_sample[self.order] = self.deltas.T
        return by_sample


def _best(heads: Sequence[int], means: Float64[np.ndarray, " head"], n: int) -> list[int]:
    """The `n` of `heads` with the largest means, best first."""
    return [heads[i] for i in np.argsort(-means, kind="stable")[:n]]


def look_sizes(n_samples: int, *, first: int) -> list[int]:
    """After how many samples heads may be dropped: `first`, and half more each time."""

    def growing() -> Iterator[int]:
        size = first
        while size < n_samples:
            yield size
            size += max(1, size // 2)

    return list(growing())


def leaders_size(size: int, n_samples: int) -> int:
    """How far leaders run ahead of `size`: to the geometric mean with the whole probe.

    They are few, and what is not known of them widens the interval of every other head. At least
    two samples ahead, for a spread, unless the probe ends there.
    """
    return min(n_samples, max(size + 2, round(float(np.sqrt(size * n_samples)))))
