"""Ablation: heads taken away in several ways, and what each head or set of heads is worth."""

from workbench.ablation.decoding import decode_pairs, decode_sets
from workbench.ablation.hooks import ablated_heads, check_heads
from workbench.ablation.importance import ImportanceBatch, heads_by_layer, iter_importance
from workbench.ablation.kinds import KINDS, MEAN, RESAMPLE, ZERO
from workbench.ablation.race import Raced, Standing, look_sizes, race
from workbench.ablation.reference import (
    BY_UNIFORM,
    UNIFORMLY,
    Ablation,
    Preparation,
    mean_outputs,
    other_sample,
    preparation,
    prepare,
)
from workbench.ablation.screen import iter_screen
from workbench.ablation.sets import SetEffects, set_effects
from workbench.ablation.weakened import WeakenedLosses, weakened_losses

__all__ = [
    "BY_UNIFORM",
    "KINDS",
    "MEAN",
    "RESAMPLE",
    "UNIFORMLY",
    "ZERO",
    "Ablation",
    "ImportanceBatch",
    "Preparation",
    "Raced",
    "SetEffects",
    "Standing",
    "WeakenedLosses",
    "ablated_heads",
    "check_heads",
    "decode_pairs",
    "decode_sets",
    "heads_by_layer",
    "iter_importance",
    "iter_screen",
    "look_sizes",
    "mean_outputs",
    "other_sample",
    "preparation",
    "prepare",
    "race",
    "set_effects",
    "weakened_losses",
]
