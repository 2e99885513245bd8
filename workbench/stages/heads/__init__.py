"""Heads as runs: the work (`find`, a `race` of heads), its plan, and its tables read back."""

from workbench.stages.heads.chosen import run_chosen, with_circuit
from workbench.stages.heads.deltas import (
    DELTAS,
    RESULT,
    read_contributions,
    read_importance,
    read_raced,
    seen_rows,
)
from workbench.stages.heads.find import run_heads
from workbench.stages.heads.plan import plan_heads
from workbench.stages.heads.robust import plan_robust, run_robust
from workbench.stages.heads.settings import plan_settings, run_settings

__all__ = [
    "DELTAS",
    "RESULT",
    "plan_heads",
    "plan_robust",
    "plan_settings",
    "read_contributions",
    "read_importance",
    "read_raced",
    "run_chosen",
    "run_heads",
    "run_robust",
    "run_settings",
    "seen_rows",
    "with_circuit",
]
