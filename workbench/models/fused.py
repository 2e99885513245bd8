"""The fused engine: the Hugging Face network itself, SDPA for every head, nothing run in vain.

    model = with_engine(model, "auto")           # model.fused is set where the check allows it
    means = fused_columns(model, heads, ids, spans)
    base, weak = fused_weakened(model, heads, ids, counted)

TransformerLens computes whole patterns for every head and layer. Here they exist for no head: the
column means of the chosen heads are summed block by block, a uniform head is one whose queries are
zero, no layer above the last one needed runs, and logits exist for counted tokens only, in chunks.
The seam is transformers' `AttentionInterface`; what a pass is to do travels in its keyword
arguments. The network shares every weight with the hooked one.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor

from workbench.models.forward import forked
from workbench.models.fused_columns import received_by_keys
from workbench.models.model import Model
from workbench.types import Head

ATTENTION = "workbench_fused"
MAX_LOGITS = 2**25
# Queries that are looked at together where a window is narrower than that.
SMALLEST_WINDOW_BLOCK = 256


class _EnoughError(Exception):
    """Everything a pass was for has been read."""


@dataclass(frozen=True)
class Plan:
    """What a pass does beside attending.

    `read` heads have their column means kept in `received`, and the pass ends after layer
    `stop_after`; `uniform` heads have zero queries in the rows of the batch from `weak_from` on.
    """

    spans: Int[Tensor, "span batch 2"] = field(
        default_factory=lambda: torch.zeros(0, 0, 2, dtype=torch.long)
    )
    read: Mapping[int, Sequence[int]] = field(default_factory=dict)
    stop_after: int | None = None
    uniform: Mapping[int, Sequence[int]] = field(default_factory=dict)
    weak_from: int = 0
    windows: Sequence[int | None] = ()
    received: dict[int, Tensor] = field(default_factory=dict)


def shared_network(weights: Any) -> Any | None:
    """A second network of the same modules around the same tensors, with attention by `_attend`.

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
    """Attention is causal and padding is on the right; `_attend` sees to sliding windows."""


def _attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    plan: Plan,
    scaling: float | None = None,
    **options: Any,
) -> tuple[Tensor, None]:
    """SDPA, after what the plan asks of this layer."""
    layer = module.layer_idx
    if heads := plan.read.get(layer):
        shared = query.shape[1] // key.shape[1]
        plan.received[layer] = received_by_keys(
            query[:, list(heads)],
            key[:, [head // shared for head in heads]],
            plan.spans,
            scaling=query.shape[-1] ** -0.5 if scaling is None else scaling,
            window=plan.windows[layer],
        )
    if layer == plan.stop_after:
        raise _EnoughError
    if heads := plan.uniform.get(layer):
        query = query.clone()
        query[plan.weak_from :, list(heads)] = 0
    return _sdpa(module, (query, key, value), plan.windows[layer], scaling=scaling, **options), None


def _sdpa(
    module: Any,
    states: tuple[Tensor, Tensor, Tensor],
    window: int | None,
    **options: Any,
) -> Float[Tensor, "batch pos head d_head"]:
    """Causal attention; within a sliding window block by block, so that no mask is T x T."""
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    query, key, value = states
    n_pos = query.shape[2]
    if window is None or window >= n_pos:
        return sdpa_attention_forward(module, query, key, value, None, **options)[0]
    step, blocks = max(window, SMALLEST_WINDOW_BLOCK), []
    for first in range(0, n_pos, step):
        last, left = min(first + step, n_pos), max(0, first - window + 1)
        rows = torch.arange(first, last, device=query.device)[:, None]
        keys = torch.arange(left, last, device=query.device)
        block = sdpa_attention_forward(
            module,
            query[:, :, first:last],
            key[:, :, left:last],
            value[:, :, left:last],
            ((keys <= rows) & (keys > rows - window))[None, None],
            **options,
        )
        blocks.append(block[0])
    return torch.cat(blocks, dim=1)


def fused_columns(
    model: Model,
    heads: Sequence[Head],
    ids: Int[Tensor, "batch pos"],
    spans: Int[Tensor, "span batch 2"],
) -> Float64[Tensor, "span batch circuit_head pos"]:
    """Attention received by every key from each of `heads` within each span of tokens."""
    by_layer = _by_layer(heads)
    plan = Plan(spans, by_layer, stop_after=max(by_layer), windows=model.windows)
    with contextlib.suppress(_EnoughError):
        _run(model, ids, plan)
    read = {
        Head(layer, head): plan.received[layer][:, :, i]
        for layer, of_layer in by_layer.items()
        for i, head in enumerate(of_layer)
    }
    return torch.stack([read[head].to(model.device) for head in heads], dim=2)


def fused_losses(
    model: Model, ids: Int[Tensor, "batch pos"], counted: Bool[Tensor, "batch pos"]
) -> Float[Tensor, "batch pos"]:
    """Next-token losses of the counted tokens, zero elsewhere."""
    return _losses(model, _run(model, ids, Plan(windows=model.windows)), ids, counted)


def fused_weakened(
    model: Model,
    heads: Sequence[Head],
    ids: Int[Tensor, "batch pos"],
    counted: Bool[Tensor, "batch pos"],
) -> tuple[Float[Tensor, "batch pos"], Float[Tensor, "batch pos"]]:
    """Next-token losses of the counted tokens, clean and with all `heads` uniform together.

    The layers below the first of the heads run once, those above on both copies as one batch.
    """
    by_layer, n_batch = _by_layer(heads), len(ids)
    plan = Plan(uniform=by_layer, weak_from=n_batch, windows=model.windows)
    with forked(_blocks(model), n_batch, fork_at=min(by_layer), copies=2):
        final = _run(model, ids, plan)
    return (
        _losses(model, final[:n_batch], ids, counted),
        _losses(model, final[n_batch:], ids, counted),
    )


@torch.no_grad()
def _run(model: Model, ids: Tensor, plan: Plan) -> Float[Tensor, "copies_batch pos d_model"]:
    """The normed residual stream after the last layer."""
    assert model.fused is not None  # `with_engine` has set it
    done = model.fused.base_model(ids.to(model.device), use_cache=False, plan=plan)
    return done.last_hidden_state


@torch.no_grad()
def _losses(
    model: Model, normed: Tensor, ids: Tensor, counted: Tensor
) -> Float[Tensor, "batch pos"]:
    """As `token_losses`, from the final norm's output."""
    assert model.fused is not None
    unembed = model.fused.get_output_embeddings()
    ids, counted = ids.to(normed.device), counted.to(normed.device)
    losses = torch.zeros(ids.shape, dtype=torch.float32, device=normed.device)
    row, column = torch.nonzero(counted[:, 1:], as_tuple=True)
    step = max(1, MAX_LOGITS // unembed.weight.shape[0])
    for start in range(0, len(row), step):
        r, c = row[start : start + step], column[start : start + step]
        logits = unembed(normed[r, c]).float()
        if model.logit_cap is not None:
            logits = model.logit_cap * torch.tanh(logits / model.logit_cap)
        losses[r, c + 1] = torch.nn.functional.cross_entropy(
            logits, ids[r, c + 1], reduction="none"
        )
    return losses


def _by_layer(heads: Sequence[Head]) -> dict[int, list[int]]:
    by_layer: dict[int, list[int]] = {}
    for layer, head in sorted(set(heads)):
        by_layer.setdefault(layer, []).append(head)
    return by_layer


def _blocks(model: Model) -> Sequence[torch.nn.Module]:
    """The network's layers, wherever the architecture keeps them."""
    assert model.fused is not None
    for module in model.fused.base_model.modules():
        if isinstance(module, torch.nn.ModuleList) and len(module) == model.n_layers:
            return list(module)
    raise LookupError("no list of layers")
