"""From scores to a smaller dataset: policies and budgets, what they did, and the export.

from workbench.selection import export_selection, select
"""

from workbench.selection.export import FORMS, export_selection
from workbench.selection.marks import DROP, KEEP, marked, read_marks
from workbench.selection.overlap import Overlap, overlap_of
from workbench.selection.policies import POLICIES
from workbench.selection.pool import ADJUSTED, LENGTH_BIN
from workbench.selection.select import Selection, select

__all__ = [
    "ADJUSTED",
    "DROP",
    "FORMS",
    "KEEP",
    "LENGTH_BIN",
    "POLICIES",
    "Overlap",
    "Selection",
    "export_selection",
    "marked",
    "overlap_of",
    "read_marks",
    "select",
]
