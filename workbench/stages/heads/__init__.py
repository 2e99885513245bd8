"""Heads as runs: the work (`find`, a `race` of heads), its plan, and its tables read back."""

from workbench.stages.heads.deltas import DELTAS, RESULT, read_importance, seen_rows
from workbench.stages.heads.find import HeadsOptions, run_heads
from workbench.stages.heads.plan import plan_heads

__all__ = [
    "DELTAS",
    "RESULT",
    "HeadsOptions",
    "plan_heads",
    "read_importance",
    "run_heads",
    "seen_rows",
]
