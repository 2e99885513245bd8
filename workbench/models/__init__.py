"""Models: what a model is. Load, self-check, render, and the hooks that read and edit heads."""

from workbench.models.adapter import base_name
from workbench.models.edits import (
    OUTPUT,
    PATTERN,
    UNIFORM,
    Donors,
    Intervention,
    RowEdits,
    Site,
    by_layer,
    chosen_heads,
    edit_hooks,
)
from workbench.models.find import find_model, is_adapter, transformers_source
from workbench.models.fingerprint import model_fingerprint, weights_digest
from workbench.models.hooked import load_hooked, wrap_model
from workbench.models.identity import check_same_model
from workbench.models.inputs import fill_template
from workbench.models.load import load_model, load_plain
from workbench.models.model import Model, TextModel
from workbench.models.passes import (
    BlockInputs,
    capture,
    final_residual,
    hooks,
    kept_inputs,
    last_logits_only,
    padded,
    position_logits,
    replay,
    run,
)
from workbench.models.placement import resolve_device
from workbench.models.points import component_hook, outputs_hook, pattern_hook, values_hook
from workbench.models.render import TEMPLATE, Rendered, UnrenderableError, render
from workbench.models.selfcheck import TOLERANCE, self_check
from workbench.models.source import ModelSource
from workbench.models.tokenizer import tokenizer_facts
from workbench.models.uniform import (
    padded_uniform_pattern,
    running_mean,
    uniform_column_mean,
    uniform_pattern,
)
from workbench.models.widened import plain_blocks, widened

__all__ = [
    "OUTPUT",
    "PATTERN",
    "TEMPLATE",
    "TOLERANCE",
    "UNIFORM",
    "BlockInputs",
    "Donors",
    "Intervention",
    "Model",
    "ModelSource",
    "Rendered",
    "RowEdits",
    "Site",
    "TextModel",
    "UnrenderableError",
    "base_name",
    "by_layer",
    "capture",
    "check_same_model",
    "chosen_heads",
    "component_hook",
    "edit_hooks",
    "fill_template",
    "final_residual",
    "find_model",
    "hooks",
    "is_adapter",
    "kept_inputs",
    "last_logits_only",
    "load_hooked",
    "load_model",
    "load_plain",
    "model_fingerprint",
    "outputs_hook",
    "padded",
    "padded_uniform_pattern",
    "pattern_hook",
    "plain_blocks",
    "position_logits",
    "render",
    "replay",
    "resolve_device",
    "run",
    "running_mean",
    "self_check",
    "tokenizer_facts",
    "transformers_source",
    "uniform_column_mean",
    "uniform_pattern",
    "values_hook",
    "weights_digest",
    "widened",
    "wrap_model",
]
