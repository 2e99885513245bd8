"""From scores to a smaller dataset: policies and budgets, what they did, and the export.

from workbench.selection import export_selection, select
"""

from workbench.selection.alike import LOSSES
from workbench.selection.comparison import compare_selections
from workbench.selection.controls import CLEAR, MATCHED, RANDOM, control_draws, gap_of, verdict
from workbench.selection.distinct import NEAR
from workbench.selection.drawn import Drawn, SharedPool, read_drawn, row_lengths, shared_pool
from workbench.selection.export import FORMS, export_selection
from workbench.selection.from_data import columns_of, text_signatures
from workbench.selection.joined import COMBINATIONS, combined, read_combined, shared_ids
from workbench.selection.labels import counted, label_texts
from workbench.selection.marks import DROP, KEEP, marked, read_marks
from workbench.selection.overlap import Overlap, overlap_of
from workbench.selection.policies import POLICIES, like_lengths
from workbench.selection.pool import ADJUSTED, COLUMNS, LENGTH_BIN, N_LENGTH_BINS
from workbench.selection.provenance import (
    SCORES,
    is_scored_data,
    pool_behind,
    provenance_of,
    scored_as,
    scored_data,
    scored_files,
    scores_of,
    stages_behind,
)
from workbench.selection.publish import check_hub_id, publish
from workbench.selection.quotas import parse_quotas
from workbench.selection.scored_rows import CONTENT, scored_rows
from workbench.selection.select import Selection, select
from workbench.selection.tables import (
    OkRows,
    read_ok_rows,
    read_scores,
    read_selection,
    score_columns,
    texts_at,
)

__all__ = [
    "ADJUSTED",
    "CLEAR",
    "COLUMNS",
    "COMBINATIONS",
    "CONTENT",
    "DROP",
    "FORMS",
    "KEEP",
    "LENGTH_BIN",
    "LOSSES",
    "MATCHED",
    "NEAR",
    "N_LENGTH_BINS",
    "POLICIES",
    "RANDOM",
    "SCORES",
    "Drawn",
    "OkRows",
    "Overlap",
    "Selection",
    "SharedPool",
    "check_hub_id",
    "columns_of",
    "combined",
    "compare_selections",
    "control_draws",
    "counted",
    "export_selection",
    "gap_of",
    "is_scored_data",
    "label_texts",
    "like_lengths",
    "marked",
    "overlap_of",
    "parse_quotas",
    "pool_behind",
    "provenance_of",
    "publish",
    "read_combined",
    "read_drawn",
    "read_marks",
    "read_ok_rows",
    "read_scores",
    "read_selection",
    "row_lengths",
    "score_columns",
    "scored_as",
    "scored_data",
    "scored_files",
    "scored_rows",
    "scores_of",
    "select",
    "shared_ids",
    "shared_pool",
    "stages_behind",
    "text_signatures",
    "texts_at",
    "verdict",
]
