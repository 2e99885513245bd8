"""Racing: the top heads of a probe without running every head on every sample.

All heads start on the same few samples. At each look the leaders so far run ahead, which makes the
cut sharp for little; a head whose interval lies below theirs is dropped, and the others go on, on
half as many samples again. The race ends when no more heads are left than are selected, or all of
the probe is read.

    raced = race(measure, n_samples=300, n_heads=144, n_selected=7)
    raced.selected, raced.means, raced.statement

The bounds: docs/methods.md, Faster importance. Pure: `measure` may run a model or look numbers up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int

FIRST, CONFIDENCE = 8, 0.95

Measure = Callable[[Sequence[int], Sequence[int]], Float64[np.ndarray, "sample head"]]
"""`measure(samples, heads)`: the delta of each of these heads on each of these samples."""


@dataclass(frozen=True)
class Look:
    """Heads (by number) that were run together on the same further samples."""

    n_samples: int
    heads: tuple[int, ...]


@dataclass(frozen=True)
class Raced:
    """`deltas` is NaN where a head was not run; `looks` is what was run, in order.

    `kept` are the heads that were never dropped: as many as are selected, or more where the whole
    probe was needed to tell them apart.
    """

    deltas: Float64[np.ndarray, "sample head"]
    looks: tuple[Look, ...]
    kept: tuple[int, ...]
    n_selected: int
    confidence: float

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
    def selected(self) -> tuple[int, ...]:
        """The heads that won, in the order of their numbers."""
        return tuple(sorted(_best(self.kept, self.means[list(self.kept)], self.n_selected)))

    @property
    def statement(self) -> str:
        """What is certain about the result, and on what condition."""
        return (
            f"the top {self.n_selected} are those of the whole probe with probability of at least "
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
    first: int = FIRST,
    leaders_whole: bool = False,
    seed: int = 0,
) -> Raced:
    """Run `n_heads` on growing samples of one probe, drawn without replacement, and drop the rest.

    A wrong result needs a top head dropped. It is dropped when it looks worse than every leader,
    and one of these is no better than it; so the error probability 1 - `confidence` is shared out
    over the `n_selected` top heads and the looks (Bonferroni), one-sided. Heads keep the mean over
    the samples they saw. `leaders_whole` runs leaders on all of the probe at once, which pays where
    little of what the other heads do is open.
    """
    order = np.random.default_rng(seed).permutation(n_samples)
    deltas, looks = np.full((n_heads, n_samples), np.nan), []
    n_seen = np.zeros(n_heads, dtype=int)

    def run(heads: Sequence[int], stop: int) -> None:
        """Every head on from where it stands."""
        for start in sorted({int(n_seen[h]) for h in heads if n_seen[h] < stop}):
            samples, chosen = order[start:stop].tolist(), [h for h in heads if n_seen[h] == start]
            deltas[chosen, start:stop] = measure(samples, chosen).T
            n_seen[chosen] = stop
            looks.append(Look(len(samples), tuple(chosen)))

    sizes, kept = look_sizes(n_samples, first=first), list(range(n_heads))
    level = (1 - confidence) / (n_selected * max(1, len(sizes)))
    for size in [*sizes, n_samples]:
        run(kept, size)
        if size == n_samples:
            break
        leaders = _best(kept, deltas[kept, :size].mean(axis=1), n_selected)
        ahead = n_samples if leaders_whole else leaders_size(size, n_samples)
        run(leaders, ahead)
        others = [head for head in kept if head not in leaders]
        below = certainly_below(
            deltas[others, :size].T, deltas[leaders, :ahead].T, n_samples, level=level
        )
        kept = sorted([*leaders, *(h for h, lost in zip(others, below, strict=True) if not lost)])
        if len(kept) == n_selected:
            break
    by_sample = np.empty((n_samples, n_heads))
    by_sample[order] = deltas.T
    return Raced(by_sample, tuple(looks), tuple(kept), n_selected, confidence)


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


def certainly_below(
    deltas: Float64[np.ndarray, "drawn head"],
    leaders: Float64[np.ndarray, "ahead leader"],
    n_samples: int,
    *,
    level: float,
) -> Bool[np.ndarray, " head"]:
    """Which heads have means over all `n_samples` below that of every leader?

    One-sided by Student's t, with the correction for drawing without replacement. The leaders were
    chosen for what they did on the `drawn` samples: these are taken as they are, and only those
    `ahead` of them speak for the rest. Wrong for a head no worse than a leader with probability of
    at most `level` where means are near normal.
    """
    n_drawn, n_rest = len(deltas), n_samples - len(deltas)
    share, fresh = n_rest / n_samples, leaders[n_drawn:]
    reached = (1 - share) * leaders[:n_drawn].mean(axis=0) + share * fresh.mean(axis=0)
    of_leaders = share * standard_errors(fresh, n_rest)
    spread = np.hypot(standard_errors(deltas, n_samples)[:, None], of_leaders)
    # Leaders run on the whole probe leave nothing to estimate; else the fewer samples decide.
    n_fewest = n_drawn if len(fresh) == n_rest else min(n_drawn, len(fresh))
    upper = deltas.mean(axis=0)[:, None] + student_quantile(1 - level, n_fewest - 1) * spread
    return (upper < reached).all(axis=1)


def standard_errors(
    deltas: Float64[np.ndarray, "drawn head"], n_samples: int
) -> Float64[np.ndarray, " head"]:
    """Of the mean over `n_samples`, of which `drawn` were seen: nothing is left open at the end."""
    n_drawn = len(deltas)
    if n_drawn == n_samples:
        return np.zeros(deltas.shape[1])
    return deltas.std(axis=0, ddof=1) * np.sqrt((1 - n_drawn / n_samples) / n_drawn)


def student_quantile(probability: float, degrees: int) -> float:
    """The quantile of Student's t, by integrating its density over the angle of t / sqrt(degrees).

    Good to about 1e-4 of its value for the probabilities met here.
    """
    angle = np.linspace(-np.pi / 2, np.pi / 2, 2**18 + 1)
    density = np.cos(angle) ** (degrees - 1)
    steps = (density[1:] + density[:-1]) / 2
    share = np.concatenate([[0.0], np.cumsum(steps)]) / steps.sum()
    return float(np.sqrt(degrees) * np.tan(np.interp(probability, share, angle)))
