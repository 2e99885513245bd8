"""Ablation: uniform attention in chosen heads, and what each head is worth."""

from workbench.ablation.decoding import decode_sets
from workbench.ablation.hooks import check_heads, uniform_heads, uniform_hooks
from workbench.ablation.importance import ImportanceBatch, iter_importance
from workbench.ablation.sets import SetEffects, set_effects
from workbench.ablation.weakened import WeakenedLosses, weakened_losses

__all__ = [
    "ImportanceBatch",
    "SetEffects",
    "WeakenedLosses",
    "check_heads",
    "decode_sets",
    "iter_importance",
    "set_effects",
    "uniform_heads",
    "uniform_hooks",
    "weakened_losses",
]
