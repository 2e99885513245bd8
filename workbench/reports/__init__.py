"""Results on paper: HTML files that need nothing else, and cards of datasets and models.

Path("validation.html").write_text(validation_page(report))
"""

from workbench.reports.amplification import (
    RESULT_COLUMNS,
    amplification_figures,
    amplification_page,
    results_rows,
)
from workbench.reports.forks import fork_blocks
from workbench.reports.trial import trial_page
from workbench.reports.validation import validation_page

__all__ = [
    "RESULT_COLUMNS",
    "amplification_figures",
    "amplification_page",
    "fork_blocks",
    "results_rows",
    "trial_page",
    "validation_page",
]
