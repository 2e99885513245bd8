"""Racing: the top heads of a probe without running every head on every sample.

All heads start on the same few samples. The leaders of that start are run on the whole probe, which
makes the cut exact: the `n_selected`-th largest of their means. The others go on, on twice as many
samples at each look, until their interval lies below the cut. What is left at the end has been run
on the whole probe, so the selected heads and their deltas are those of the exact method.

    raced = race(measure, n_samples=300, n_heads=144, n_selected=7)
    raced.means, raced.statement

METHODS, section 5. Pure: `measure` may run a model or look numbers up.
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
    """`deltas` is NaN where a head was not run; `looks` is what was run, in order."""

    deltas: Float64[np.ndarray, "sample head"]
    looks: tuple[Look, ...]
    n_selected: int
    confidence: float

    @property
    def seen(self) -> Int[np.ndarray, " head"]:
        """How many samples each head was run on."""
        return (~np.isnan(self.deltas)).sum(axis=0)

    @property
    def complete(self) -> Bool[np.ndarray, " head"]:
        return self.seen == len(self.deltas)

    @property
    def means(self) -> Float64[np.ndarray, " head"]:
        """Mean delta over the samples seen; -inf for a head that was never run."""
        totals, seen = np.nansum(self.deltas, axis=0), self.seen
        return np.where(seen > 0, totals / np.maximum(seen, 1), -np.inf)

    @property
    def statement(self) -> str:
        """What is certain about the result, and on what condition."""
        return (
            f"the top {self.n_selected} are those of the whole probe with probability of at least "
            f"{self.confidence:g}, provided that Student's interval holds for the mean delta of a "
            "top head over the samples drawn; a head that matters on very few samples only can "
            "break it"
        )


def race(
    measure: Measure,
    *,
    n_samples: int,
    n_heads: int,
    n_selected: int,
    confidence: float = CONFIDENCE,
    first: int = FIRST,
    seed: int = 0,
) -> Raced:
    """Run `n_heads` on growing samples of one probe, drawn without replacement, and drop the rest.

    A wrong result needs a top head dropped, so the error probability 1 - `confidence` is shared out
    over the `n_selected` top heads and the looks (Bonferroni), one-sided. Dropped heads keep the
    mean over the samples they saw.
    """
    order = np.random.default_rng(seed).permutation(n_samples)
    deltas, looks = np.full((n_samples, n_heads), np.nan), []

    def run(start: int, stop: int, heads: Sequence[int]) -> None:
        samples = order[start:stop].tolist()
        if samples and len(heads):
            deltas[np.ix_(samples, heads)] = measure(samples, list(heads))
            looks.append(Look(len(samples), tuple(heads)))

    sizes = look_sizes(n_samples, first=first)
    level = (1 - confidence) / (n_selected * max(1, len(sizes)))
    done = sizes[0] if sizes else n_samples
    run(0, done, range(n_heads))
    leaders = np.argsort(-deltas[order[:done]].mean(axis=0), kind="stable")[:n_selected].tolist()
    run(done, n_samples, leaders)
    cut = float(deltas[:, leaders].mean(axis=0).min())
    open_heads = [head for head in range(n_heads) if head not in leaders]
    for size in [*sizes[1:], n_samples]:
        upper = upper_bounds(deltas[order[:done]][:, open_heads], n_samples, level=level)
        open_heads = [h for h, u in zip(open_heads, upper, strict=True) if u >= cut]
        run(done, size, open_heads)
        done = size
    return Raced(deltas, tuple(looks), n_selected, confidence)


def look_sizes(n_samples: int, *, first: int) -> list[int]:
    """After how many samples heads may be dropped: `first`, doubled while below the whole probe."""

    def doubling() -> Iterator[int]:
        size = first
        while size < n_samples:
            yield size
            size *= 2

    return list(doubling())


def upper_bounds(
    deltas: Float64[np.ndarray, "drawn head"], n_samples: int, *, level: float
) -> Float64[np.ndarray, " head"]:
    """One-sided upper bounds of the mean over `n_samples` of which `drawn` were seen.

    Student's t with the correction for drawing without replacement: nothing is left open at the
    end. A bound misses with probability `level` where means are near normal.
    """
    n_drawn = len(deltas)
    if n_drawn < 2 or n_drawn >= n_samples:
        return np.full(deltas.shape[1], np.inf)
    spread = deltas.std(axis=0, ddof=1) * np.sqrt((1 - n_drawn / n_samples) / n_drawn)
    return deltas.mean(axis=0) + student_quantile(1 - level, n_drawn - 1) * spread


def student_quantile(probability: float, degrees: int) -> float:
    """The quantile of Student's t, by integrating its density over the angle of t / sqrt(degrees).

    Good to about 1e-4 of its value for the probabilities met here.
    """
    angle = np.linspace(-np.pi / 2, np.pi / 2, 2**18 + 1)
    density = np.cos(angle) ** (degrees - 1)
    steps = (density[1:] + density[:-1]) / 2
    share = np.concatenate([[0.0], np.cumsum(steps)]) / steps.sum()
    return float(np.sqrt(degrees) * np.tan(np.interp(probability, share, angle)))
