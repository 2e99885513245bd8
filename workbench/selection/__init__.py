"""From scores to a smaller dataset: policies and budgets, what they did, and the export.

from workbench.selection import export_selection, select
"""

from workbench.selection.controls import CLEAR, MATCHED, RANDOM, control_draws, gap_of, verdict
from workbench.selection.export import FORMS, export_selection
from workbench.selection.marks import DROP, KEEP, marked, read_marks
from workbench.selection.overlap import Overlap, overlap_of
from workbench.selection.policies import POLICIES
from workbench.selection.pool import ADJUSTED, LENGTH_BIN
from workbench.selection.provenance import (
    is_scored_data,
    pool_behind,
    provenance_of,
    scored_as,
    scored_data,
    scores_of,
    stages_behind,
)
from workbench.selection.scored_rows import CONTENT, scored_rows
from workbench.selection.select import Selection, select
from workbench.selection.tables import read_scores, read_selection

__all__ = [
    "ADJUSTED",
    "CLEAR",
    "CONTENT",
    "DROP",
    "FORMS",
    "KEEP",
    "LENGTH_BIN",
    "MATCHED",
    "POLICIES",
    "RANDOM",
    "Overlap",
    "Selection",
    "control_draws",
    "export_selection",
    "gap_of",
    "is_scored_data",
    "marked",
    "overlap_of",
    "pool_behind",
    "provenance_of",
    "read_marks",
    "read_scores",
    "read_selection",
    "scored_as",
    "scored_data",
    "scored_rows",
    "scores_of",
    "select",
    "stages_behind",
    "verdict",
]
