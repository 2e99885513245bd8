"""Timing things against one another: interleaved in one process, medians of the rounds.

    times = interleaved({"ours": f, "theirs": g}, runs=5)
    times.ratio("theirs", "ours", clock="cpu")

CPU time counts this process alone, so it holds on a machine that others use as well.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CLOCKS = {"cpu": time.process_time, "wall": time.perf_counter}


@dataclass(frozen=True)
class Settings:
    """`runs` rounds by the clock `clock`; `quick` takes tiny shapes, to see that a row works.

    `again` trusts nothing that was measured before; `device` is where rows of engines run.
    """

    runs: int
    quick: bool
    clock: str
    work: Path
    again: bool = False
    device: str = "cpu"


@dataclass(frozen=True)
class Measured:
    """The figure of a row, None with the reason where it cannot be had here."""

    value: float | None
    details: Mapping[str, Any] = field(default_factory=dict)
    why_not: str = ""


@dataclass(frozen=True)
class Times:
    """Seconds of every variant in every round, by both clocks."""

    rounds: tuple[Mapping[str, Mapping[str, float]], ...]

    def seconds(self, variant: str, clock: str) -> float:
        return statistics.median(each[variant][clock] for each in self.rounds)

    def ratio(self, slow: str, fast: str, clock: str) -> float:
        """Median over the rounds of how many times as long `slow` takes as `fast`."""
        return statistics.median(each[slow][clock] / each[fast][clock] for each in self.rounds)

    def compared(self, slow: str, fast: str, clock: str, **details: Any) -> Measured:
        """The ratio, with the range over the rounds and the seconds of both."""
        ratios = [each[slow][clock] / each[fast][clock] for each in self.rounds]
        return Measured(
            self.ratio(slow, fast, clock),
            {
                "lowest": min(ratios),
                "highest": max(ratios),
                "seconds": {
                    name: {of: self.seconds(name, of) for of in CLOCKS} for name in self.rounds[0]
                },
                **details,
            },
        )


def interleaved(variants: Mapping[str, Callable[[], object]], *, runs: int) -> Times:
    """Every variant once to warm up, then once a round; the order turns from round to round."""
    for work in variants.values():
        work()
    rounds = []
    for number in range(runs):
        names = list(variants)
        names = names[number % len(names) :] + names[: number % len(names)]
        rounds.append({name: timed(variants[name]) for name in names})
    return Times(tuple(rounds))


def timed(work: Callable[[], object]) -> dict[str, float]:
    """Seconds by every clock."""
    before = {name: clock() for name, clock in CLOCKS.items()}
    work()
    return {name: clock() - before[name] for name, clock in CLOCKS.items()}
