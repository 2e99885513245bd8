"""Ablation: uniform attention in chosen heads, and what each head is worth."""

from workbench.ablation.decoding import decode_sets
from workbench.ablation.hooks import check_heads, uniform_heads, uniform_hooks
from workbench.ablation.importance import ImportanceBatch, heads_by_layer, iter_importance
from workbench.ablation.race import Raced, look_sizes, race
from workbench.ablation.screen import iter_screen
from workbench.ablation.sets import SetEffects, set_effects
from workbench.ablation.weakened import WeakenedLosses, weakened_losses

__all__ = [
    "ImportanceBatch",
    "Raced",
    "SetEffects",
    "WeakenedLosses",
    "check_heads",
    "decode_sets",
    "heads_by_layer",
    "iter_importance",
    "iter_screen",
    "look_sizes",
    "race",
    "set_effects",
    "uniform_heads",
    "uniform_hooks",
    "weakened_losses",
]
