"""Models: load, self-check, render, and passes that compute no more than asked."""

from workbench.models.find import find_model, model_fingerprint, weights_digest
from workbench.models.forward import (
    BlockInputs,
    capture,
    hooks,
    padded,
    position_logits,
    replay,
    sample_means,
    token_losses,
    token_outcomes,
)
from workbench.models.identity import check_same_model
from workbench.models.load import load_model
from workbench.models.losses import counted_mask, sample_losses
from workbench.models.model import Model, pattern_hook
from workbench.models.render import Rendered, UnrenderableError, render
from workbench.models.selfcheck import self_check
from workbench.models.uniform import running_mean, uniform_column_mean, uniform_pattern

__all__ = [
    "BlockInputs",
    "Model",
    "Rendered",
    "UnrenderableError",
    "capture",
    "check_same_model",
    "counted_mask",
    "find_model",
    "hooks",
    "load_model",
    "model_fingerprint",
    "padded",
    "pattern_hook",
    "position_logits",
    "render",
    "replay",
    "running_mean",
    "sample_losses",
    "sample_means",
    "self_check",
    "token_losses",
    "token_outcomes",
    "uniform_column_mean",
    "uniform_pattern",
    "weights_digest",
]
