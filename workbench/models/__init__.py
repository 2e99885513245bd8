"""Models: load, self-check, render, and passes that compute no more than asked."""

from workbench.models.budget import batch_tokens, position_bytes
from workbench.models.decode import decode, decoded_text, default_stop_ids
from workbench.models.find import find_model, model_fingerprint, weights_digest
from workbench.models.forward import (
    BlockInputs,
    capture,
    final_residual,
    hooks,
    last_logits_only,
    loss_gradient,
    padded,
    position_logits,
    replay,
    sample_means,
    token_losses,
    token_outcomes,
)
from workbench.models.fused import fused_columns, fused_weakened
from workbench.models.fused_check import ENGINES, with_engine
from workbench.models.hooked import load_hooked, wrap_model
from workbench.models.identity import check_same_model
from workbench.models.load import load_model, load_plain
from workbench.models.losses import counted_mask, sample_losses
from workbench.models.memory import PATTERNS, DidNotFit, attempt
from workbench.models.model import Model, pattern_hook
from workbench.models.placement import resolve_device
from workbench.models.render import TEMPLATE, Rendered, UnrenderableError, render
from workbench.models.selfcheck import self_check
from workbench.models.source import ModelSource
from workbench.models.tokenizer import tokenizer_facts
from workbench.models.uniform import (
    padded_uniform_pattern,
    running_mean,
    uniform_column_mean,
    uniform_pattern,
)

__all__ = [
    "ENGINES",
    "PATTERNS",
    "TEMPLATE",
    "BlockInputs",
    "DidNotFit",
    "Model",
    "ModelSource",
    "Rendered",
    "UnrenderableError",
    "attempt",
    "batch_tokens",
    "capture",
    "check_same_model",
    "counted_mask",
    "decode",
    "decoded_text",
    "default_stop_ids",
    "final_residual",
    "find_model",
    "fused_columns",
    "fused_weakened",
    "hooks",
    "last_logits_only",
    "load_hooked",
    "load_model",
    "load_plain",
    "loss_gradient",
    "model_fingerprint",
    "padded",
    "padded_uniform_pattern",
    "pattern_hook",
    "position_bytes",
    "position_logits",
    "render",
    "replay",
    "resolve_device",
    "running_mean",
    "sample_losses",
    "sample_means",
    "self_check",
    "token_losses",
    "token_outcomes",
    "tokenizer_facts",
    "uniform_column_mean",
    "uniform_pattern",
    "weights_digest",
    "with_engine",
    "wrap_model",
]
