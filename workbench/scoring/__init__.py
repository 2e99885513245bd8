"""Scoring: one number a row, how far it follows length, and the same held against controls.

What is asked of a method loads nothing heavy; names that bring torch or pandas load at first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from workbench.scoring.follows import CONFOUNDS, Followed, correlations_of, followed
from workbench.scoring.method import PARTS, Method, Scored, Step
from workbench.scoring.methods import SCORERS
from workbench.scoring.methods.attention_influence import WINDOW_RULE
from workbench.scoring.methods.circuitseer import variant_columns
from workbench.scoring.request import (
    ScoreRequest,
    exported_names,
    exported_options,
    own_records,
    readers,
)
from workbench.scoring.sharding import SHARD_ROWS, shards

if TYPE_CHECKING:
    from workbench.scoring.comparison import ComparedScores, compare_scores
    from workbench.scoring.correlation import (
        correlations,
        known_loss,
        numeric_labels,
        partial_spearman,
        spearman,
    )
    from workbench.scoring.pool import StoredColumns, pool_of
    from workbench.scoring.rows import CheckedRows, check_rows
    from workbench.scoring.score import (
        ShardScores,
        check_request,
        engine_for,
        score_checked,
        score_samples,
        score_shard,
    )
    from workbench.scoring.split import Split, split_score
    from workbench.scoring.steps import split_steps
    from workbench.scoring.summary import summarize, summarize_columns
    from workbench.scoring.tables import add_within_length, over_pool
    from workbench.scoring.text_facts import FACTS
    from workbench.scoring.unevenness import score_batch, uniform_received, without_sink
    from workbench.scoring.variance import VARIANTS, contributions
    from workbench.scoring.weights import WEIGHTS, step_weights
    from workbench.scoring.within_length import n_neighbours, score_within_length

HEAVY = {
    "comparison": ("ComparedScores", "compare_scores"),
    "correlation": (
        *("correlations", "known_loss", "numeric_labels"),
        *("partial_spearman", "spearman"),
    ),
    "pool": ("StoredColumns", "pool_of"),
    "rows": ("CheckedRows", "check_rows"),
    "score": (
        *("ShardScores", "check_request"),
        *("engine_for", "score_checked", "score_samples", "score_shard"),
    ),
    "split": ("Split", "split_score"),
    "steps": ("split_steps",),
    "summary": ("summarize", "summarize_columns"),
    "tables": ("add_within_length", "over_pool"),
    "text_facts": ("FACTS",),
    "unevenness": ("score_batch", "uniform_received", "without_sink"),
    "variance": ("VARIANTS", "contributions"),
    "weights": ("WEIGHTS", "step_weights"),
    "within_length": ("n_neighbours", "score_within_length"),
}

__all__ = [
    "CONFOUNDS",
    "FACTS",
    "PARTS",
    "SCORERS",
    "SHARD_ROWS",
    "VARIANTS",
    "WEIGHTS",
    "WINDOW_RULE",
    "CheckedRows",
    "ComparedScores",
    "Followed",
    "Method",
    "ScoreRequest",
    "Scored",
    "ShardScores",
    "Split",
    "Step",
    "StoredColumns",
    "add_within_length",
    "check_request",
    "check_rows",
    "compare_scores",
    "contributions",
    "correlations",
    "correlations_of",
    "engine_for",
    "exported_names",
    "exported_options",
    "followed",
    "known_loss",
    "n_neighbours",
    "numeric_labels",
    "over_pool",
    "own_records",
    "partial_spearman",
    "pool_of",
    "readers",
    "score_batch",
    "score_checked",
    "score_samples",
    "score_shard",
    "score_within_length",
    "shards",
    "spearman",
    "split_score",
    "split_steps",
    "step_weights",
    "summarize",
    "summarize_columns",
    "uniform_received",
    "variant_columns",
    "without_sink",
]


def __getattr__(name: str) -> Any:
    """The heavy names, from the modules that `HEAVY` says."""
    for module, names in HEAVY.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
