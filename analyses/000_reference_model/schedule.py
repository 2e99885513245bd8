"""What is read when, and where heads are dropped: phases by step.

Look-up first, problems after it. The table repeats the training that made `math-tiny` to the step:
it was steered as it went, when the losses of its kinds of documents showed what was still missing.

    phase_at(step).kinds
"""

from __future__ import annotations

from dataclasses import dataclass

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
PROBLEMS = {
    "problem": 0.7,
    "list": 0.05,
    "plan": 0.1,
    "recall": 0.04,
    "drill": 0.02,
    "retrieval": 0.03,
    "gsm8k": 0.03,
    "english": 0.03,
}


@dataclass(frozen=True)
class Phase:
    """Up to step `until`: shares of the kinds, steps of the longest problem, dropping of heads."""

    until: int
    kinds: dict[str, float]
    longest: int
    drops_heads: bool = False


PHASES = (
    Phase(300, LOOKUPS, 2),
    Phase(350, PROBLEMS, 4),
    Phase(600, LISTS, 2),
    Phase(700, PROBLEMS, 4, drops_heads=True),
    Phase(1000, PLANS, 4),
    Phase(1200, PROBLEMS, 4),
    Phase(10**9, PROBLEMS, 8, drops_heads=True),
)


def phase_at(step: int) -> Phase:
    return next(phase for phase in PHASES if step < phase.until)
