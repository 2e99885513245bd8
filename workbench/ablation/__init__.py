"""Ablation: uniform attention in chosen heads, and what each head is worth."""

from workbench.ablation.hooks import check_heads, uniform_heads, uniform_hooks
from workbench.ablation.importance import ImportanceBatch, iter_importance
from workbench.ablation.sets import SetEffects, set_effects

__all__ = [
    "ImportanceBatch",
    "SetEffects",
    "check_heads",
    "iter_importance",
    "set_effects",
    "uniform_heads",
    "uniform_hooks",
]
