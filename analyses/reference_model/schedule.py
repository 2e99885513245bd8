"""What is read when, how fast is learned, and where heads are dropped: phases by step.

`problems-first` made the bundled `math-tiny`. `lookups-first` begins with lists of look-ups, drawn
with replacement (a list without repeats can be half guessed from what it still lacks); it repeats
to the step a training that was steered as it went, by the losses of its kinds of documents.

    SCHEDULES["lookups-first"].phase_at(step).kinds
"""

from __future__ import annotations

from dataclasses import dataclass

PROBLEMS = {
    "problem": 0.72,
    "recall": 0.15,
    "drill": 0.02,
    "retrieval": 0.04,
    "gsm8k": 0.035,
    "english": 0.035,
}
RECALLS = {"problem": 0.35, "recall": 0.55, "drill": 0.06, "gsm8k": 0.02, "english": 0.02}
LOOKUPS = {
    "problem": 0.2,
    "list": 0.35,
    "plan": 0.35,
    "recall": 0.05,
    "drill": 0.04,
    "english": 0.01,
}
LISTS = LOOKUPS | {"problem": 0.15, "list": 0.45, "plan": 0.3}
PLANS = LOOKUPS | {"problem": 0.3, "list": 0.15, "plan": 0.47, "recall": 0.03}
MIXED = {
    "problem": 0.7,
    "list": 0.05,
    "plan": 0.1,
    "recall": 0.04,
    "drill": 0.02,
    "retrieval": 0.03,
    "gsm8k": 0.03,
    "english": 0.03,
}
COPIES = {"problem": 0.3, "recall": 0.05, "echo": 0.25, "values": 0.35, "retrieval": 0.05}
VALUES = {
    "problem": 0.42,
    "short": 0.15,
    "recall": 0.04,
    "list": 0.05,
    "echo": 0.04,
    "values": 0.14,
    "retrieval": 0.1,
    "gsm8k": 0.03,
    "english": 0.03,
}
SCRAMBLED = VALUES | {"problem": 0.36, "short": 0.08, "echo": 0.1, "values": 0.25, "english": 0.05}
FOREVER = 10**9


@dataclass(frozen=True)
class Phase:
    """Up to step `until`: shares of the kinds, steps of the longest problem, dropping of heads.

    With `scrambles`, four in five values to copy are words in a row without sense.
    """

    until: int
    kinds: dict[str, float]
    longest: int
    drops_heads: bool = False
    scrambles: bool = False


@dataclass(frozen=True)
class Schedule:
    """Phases; after `restarts_at` steps the rate starts again at four tenths and falls anew."""

    phases: tuple[Phase, ...]
    restarts_at: int | None = None
    with_replacement: bool = False

    def phase_at(self, step: int) -> Phase:
        return next(phase for phase in self.phases if step < phase.until)

    def rate_at(self, step: int, n_steps: int, decay: float) -> float:
        """Warm up, stay, and fall to a fiftieth over the last `decay` of the steps."""
        end = self.restarts_at if self.restarts_at and self.restarts_at < n_steps else n_steps
        if step >= end:
            return max(0.01, 0.4 * (n_steps - step) / (n_steps - end))
        return min(1.0, (step + 1) / 100, max(0.02, (end - step) / max(1, decay * end)))


SCHEDULES = {
    "problems-first": Schedule(
        (
            Phase(300, RECALLS, 2),
            Phase(600, PROBLEMS, 4),
            Phase(3200, PROBLEMS, 8, drops_heads=True),
            # Most wrong answers then took the number next to the right one in a row of numbers.
            Phase(FOREVER, PROBLEMS | {"problem": 0.6, "list": 0.2, "recall": 0.07}, 8, True),
        ),
        restarts_at=3200,
    ),
    "lookups-first": Schedule(
        (
            Phase(300, LOOKUPS, 2),
            Phase(350, MIXED, 4),
            Phase(600, LISTS, 2),
            Phase(700, MIXED, 4, drops_heads=True),
            Phase(1000, PLANS, 4),
            Phase(1200, MIXED, 4),
            Phase(FOREVER, MIXED, 8, drops_heads=True),
        ),
        with_replacement=True,
    ),
    # Goes on from a finished model (--start) that solves problems and cannot yet copy by key.
    "retrieval": Schedule((Phase(900, COPIES, 8), Phase(FOREVER, VALUES, 8))),
    # Goes on from that: sentences it had come to know by heart, and copied others badly.
    "scrambled": Schedule((Phase(FOREVER, SCRAMBLED, 8, scrambles=True),)),
}
