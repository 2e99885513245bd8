"""Scoring: one number a row, how far it follows length, and the same held against controls."""

from workbench.scoring.circuitseer import (
    column_means,
    score_batch,
    variant_columns,
    without_sink,
)
from workbench.scoring.correlation import (
    correlations,
    numeric_labels,
    partial_spearman,
    spearman,
)
from workbench.scoring.influence import WINDOW_RULE
from workbench.scoring.methods import SCORERS
from workbench.scoring.options import NEEDS_HEADS, ScoreOptions
from workbench.scoring.score import (
    SHARD_ROWS,
    ShardScores,
    add_within_length,
    check_request,
    on_engine,
    score_samples,
    score_shard,
)
from workbench.scoring.steps import split_steps
from workbench.scoring.variance import VARIANTS, attention_received, contributions
from workbench.scoring.weights import WEIGHTS, step_weights
from workbench.scoring.within_length import score_within_length

__all__ = [
    "NEEDS_HEADS",
    "SCORERS",
    "SHARD_ROWS",
    "VARIANTS",
    "WEIGHTS",
    "WINDOW_RULE",
    "ScoreOptions",
    "ShardScores",
    "add_within_length",
    "attention_received",
    "check_request",
    "column_means",
    "contributions",
    "correlations",
    "numeric_labels",
    "on_engine",
    "partial_spearman",
    "score_batch",
    "score_samples",
    "score_shard",
    "score_within_length",
    "spearman",
    "split_steps",
    "step_weights",
    "variant_columns",
    "without_sink",
]
