"""A second network around the same weights, whose attention is left to whoever runs a pass.

    network = shared_network(weights)
    network(ids, plan=plan)       # calls plan.attend(module, query, key, value, ...) in every layer

The seam is transformers' `AttentionInterface`: what a pass is to do travels in its keyword
arguments (see `workbench.engines.fused`).
"""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor

ATTENTION = "workbench_plan"


def shared_network(weights: Any) -> Any | None:
    """A network of the same modules around the same tensors.

    To be made before TransformerLens replaces modules inside the first. None for an architecture
    that takes no attention of others.
    """
    from transformers import AttentionInterface, AttentionMaskInterface

    kinds = getattr(weights.config.get_text_config(), "layer_types", None) or ()
    if set(kinds) - {"full_attention", "sliding_attention"}:
        return None
    AttentionInterface.register(ATTENTION, _attend)
    AttentionMaskInterface.register(ATTENTION, _no_mask)
    tensors = [*weights.parameters(), *weights.buffers()]
    network = copy.deepcopy(weights, memo={id(tensor): tensor for tensor in tensors})
    try:
        network.set_attn_implementation(ATTENTION)
    except (ValueError, AttributeError):
        return None
    return network.eval()


def _no_mask(*_args: Any, **_options: Any) -> None:
    """Attention is causal and padding is on the right; the plan sees to sliding windows."""


def _attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    plan: Any,
    **options: Any,
) -> tuple[Tensor, None]:
    return plan.attend(module, query, key, value, **options), None
