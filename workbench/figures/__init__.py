"""Results as pictures: pure functions from a stage's result to a plotly figure.

heads_heatmap(read_heads(path)).show()
"""

from workbench.figures.amplification import (
    gain_bars,
    level_bars,
    mask_course,
    mask_maps,
    operation_bars,
)
from workbench.figures.attention import (
    next_token_bars,
    overview_strip,
    pattern_heatmap,
    token_bars,
    token_strip,
    visible,
)
from workbench.figures.axes import AXES, Axis, axes_for, axis_of
from workbench.figures.compared import draws_compared, rank_scatter
from workbench.figures.heads import KINDS, LAYERS, heads_difference, heads_heatmap, layers_of
from workbench.figures.numbers import (
    Rise,
    histogram,
    likeliest,
    quartiles_by_label,
    rise_of,
)
from workbench.figures.patterns import weighted, without_first
from workbench.figures.pools import (
    binned_histogram,
    mix_before_after,
    score_against_label,
    score_against_length,
    score_histogram,
    selected_against_pool,
)
from workbench.figures.ranking import elbow, is_cut, measure_name, sample_deltas
from workbench.figures.scales import SCALES
from workbench.figures.steps import step_blocks, step_losses, step_weight_bars
from workbench.figures.trial import trial_effects
from workbench.figures.validation import (
    control_rises,
    knockout_curve,
    random_draws,
    stability_bars,
)
from workbench.names import head_name

__all__ = [
    "AXES",
    "KINDS",
    "LAYERS",
    "SCALES",
    "Axis",
    "Rise",
    "axes_for",
    "axis_of",
    "binned_histogram",
    "control_rises",
    "draws_compared",
    "elbow",
    "gain_bars",
    "head_name",
    "heads_difference",
    "heads_heatmap",
    "histogram",
    "is_cut",
    "knockout_curve",
    "layers_of",
    "level_bars",
    "likeliest",
    "mask_course",
    "mask_maps",
    "measure_name",
    "mix_before_after",
    "next_token_bars",
    "operation_bars",
    "overview_strip",
    "pattern_heatmap",
    "quartiles_by_label",
    "random_draws",
    "rank_scatter",
    "rise_of",
    "sample_deltas",
    "score_against_label",
    "score_against_length",
    "score_histogram",
    "selected_against_pool",
    "stability_bars",
    "step_blocks",
    "step_losses",
    "step_weight_bars",
    "token_bars",
    "token_strip",
    "trial_effects",
    "visible",
    "weighted",
    "without_first",
]
