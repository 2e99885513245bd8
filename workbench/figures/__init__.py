"""Results as pictures: pure functions from a stage's result to a plotly figure.

heads_heatmap(read_heads(path)).show()
"""

from workbench.figures.attention import pattern_heatmap, token_bars, token_strip
from workbench.figures.heads import elbow, head_name, heads_heatmap, sample_deltas
from workbench.figures.pools import score_against_length, score_histogram, selected_against_pool
from workbench.figures.validation import random_draws

__all__ = [
    "elbow",
    "head_name",
    "heads_heatmap",
    "pattern_heatmap",
    "random_draws",
    "sample_deltas",
    "score_against_length",
    "score_histogram",
    "selected_against_pool",
    "token_bars",
    "token_strip",
]
