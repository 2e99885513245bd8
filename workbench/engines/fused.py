"""The fused engine: the Hugging Face network itself, SDPA for every head, nothing run in vain.

    engine = choose_engine(model, "fused")
    means = engine.columns(circuit.heads, ids, spans)

TransformerLens computes whole patterns for every head and layer. Here they exist for no head: the
column means of chosen heads are summed block by block, a uniform head is one whose queries are
zero, other edits replace what heads write, no layer above the last one needed runs, and logits
exist for counted tokens only. The seam is transformers' `AttentionInterface`; what a pass is to do
travels in its keyword arguments. The network shares every weight with the hooked one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from workbench.engines.base import Move
from workbench.engines.columns import received_by_keys
from workbench.engines.hooked import wide_bytes
from workbench.engines.replay import ReplayEngine
from workbench.models import (
    PATTERN,
    BlockInputs,
    Model,
    RowEdits,
    by_layer,
    kept_inputs,
    plain_blocks,
    replay,
)
from workbench.types import Head

# Queries that are looked at together where a window is narrower than that.
SMALLEST_WINDOW_BLOCK = 256
# Positions of a pass over several copies: larger ones only leave a CPU's cache.
FOLD_CPU, FOLD_GPU = 2**11, 2**16
POSITIONS_OF_A_PASS = "positions of a pass"


class _EnoughError(Exception):
    """Everything a pass was for has been read."""


@dataclass(frozen=True)
class Plan:
    """What a pass does beside attending.

    `edits` are made in the layers they name. `read` heads have their column means within `spans`
    kept in `received`, layers in `outputs` what their heads write, which `moves` change. The pass
    ends in layer `stop_after` as soon as that is known.
    """

    model: Model
    edits: RowEdits | None = None
    spans: Int[Tensor, "span batch 2"] | None = None
    read: Mapping[int, Sequence[int]] = field(default_factory=dict)
    outputs: Collection[int] = ()
    moves: Mapping[int, Move] = field(default_factory=dict)
    stop_after: int | None = None
    received: dict[int, Tensor] = field(default_factory=dict)

    def attend(
        self,
        module: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        *,
        scaling: float | None = None,
        **options: Any,
    ) -> Float[Tensor, "row pos head d_head"]:
        """SDPA, and what the plan asks of this layer; the seam is in `workbench.models.shared`."""
        layer, window = module.layer_idx, self.model.windows[module.layer_idx]
        if (heads := self.read.get(layer)) and self.spans is not None:
            shared = query.shape[1] // key.shape[1]
            self.received[layer] = received_by_keys(
                query[:, list(heads)],
                key[:, [head // shared for head in heads]],
                self.spans,
                scaling=query.shape[-1] ** -0.5 if scaling is None else scaling,
                window=window,
            )
            self._enough(layer)
        if edits := self._edits_at(layer, pattern=True):
            chosen = edits.heads_at(layer, query.device)[:, :, None, None]
            query = torch.where(chosen, 0.0, query)
        outputs = _sdpa(module, (query, key, value), window, scaling=scaling, **options)
        if edits := self._edits_at(layer, pattern=False):
            outputs = edits.edited_outputs(self.model, layer, outputs)
        if move := self.moves.get(layer):
            outputs = move(value.transpose(1, 2), outputs)
        if layer in self.outputs:
            self.received[layer] = outputs
            self._enough(layer)
        return outputs

    def _enough(self, layer: int) -> None:
        """End the pass where nothing more is to be read."""
        if layer == self.stop_after:
            raise _EnoughError

    def _edits_at(self, layer: int, *, pattern: bool) -> RowEdits | None:
        """Those of a layer that act on its attention, or on what its heads write."""
        edits = self.edits
        if edits is None or layer not in edits.layers or (edits.kind.at == PATTERN) != pattern:
            return None
        return edits


def _sdpa(
    module: Any,
    states: tuple[Tensor, Tensor, Tensor],
    window: int | None,
    **options: Any,
) -> Float[Tensor, "batch pos head d_head"]:
    """Causal attention; within a sliding window block by block, so that no mask is T x T.

    With cached keys the queries are the last of them; a cache may keep a window's keys only.
    """
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    query, key, value = states
    n_pos, n_before = query.shape[2], key.shape[2] - query.shape[2]
    if window is None or window >= key.shape[2]:
        if n_before and n_pos > 1:
            window = key.shape[2]
        else:
            return sdpa_attention_forward(module, query, key, value, None, **options)[0]
    step, blocks = max(window, SMALLEST_WINDOW_BLOCK), []
    for first in range(n_before, n_before + n_pos, step):
        last, left = min(first + step, n_before + n_pos), max(0, first - window + 1)
        rows = torch.arange(first, last, device=query.device)[:, None]
        keys = torch.arange(left, last, device=query.device)
        block = sdpa_attention_forward(
            module,
            query[:, :, first - n_before : last - n_before],
            key[:, :, left:last],
            value[:, :, left:last],
            ((keys <= rows) & (keys > rows - window))[None, None],
            **options,
        )
        blocks.append(block[0])
    return torch.cat(blocks, dim=1)


class FusedEngine(ReplayEngine):
    """No pattern of all queries and keys is ever held: memory grows with length, not its square.

    State: the edits of the passes under way.
    """

    name = "fused"
    folded = POSITIONS_OF_A_PASS

    def __init__(self, model: Model, **rest: Any) -> None:
        super().__init__(model, **rest)
        self.network = model.plain
        self.blocks = plain_blocks(self.network, model.n_layers)
        self.last_norm = self.network.get_submodule(model.hooked.ln_final.name)
        self.unembed = self.network.get_output_embeddings()
        self.edits: RowEdits | None = None

    def capture(self, ids: Int[Tensor, "batch pos"], layers: Collection[int]) -> BlockInputs:
        with kept_inputs(self.blocks, self.last_norm, layers) as kept:
            self._run(ids, Plan(self.model, self.edits))
        return kept

    def replay(
        self, inputs: BlockInputs, *, from_layer: int, copies: int
    ) -> Float[Tensor, "copies_batch pos d_model"]:
        changed = {"plan": Plan(self.model, self.edits)}
        return replay(self.blocks, inputs, from_layer=from_layer, copies=copies, changed=changed)

    def replay_moved(
        self, inputs: BlockInputs, *, layer: int, move: Move
    ) -> Float[Tensor, "batch pos d_model"]:
        changed = {"plan": Plan(self.model, moves={layer: move})}
        return replay(self.blocks, inputs, from_layer=layer, changed=changed, grad=True)

    def logits(self, residual: Float[Tensor, "pos d_model"]) -> Float[Tensor, "pos vocab"]:
        with torch.set_grad_enabled(residual.requires_grad):
            return self.model.finished(self.unembed(self.last_norm(residual)))

    @contextlib.contextmanager
    def editing(self, edits: RowEdits | None) -> Iterator[None]:
        before, self.edits = self.edits, edits
        try:
            yield
        finally:
            self.edits = before

    def copy_size(self, n_batch: int, n_pos: int) -> tuple[int, int]:
        most = FOLD_CPU if self.model.device.type == "cpu" else FOLD_GPU
        return n_batch * n_pos, most

    def columns(
        self,
        heads: Sequence[Head],
        ids: Int[Tensor, "batch pos"],
        spans: Int[Tensor, "span batch 2"],
    ) -> Float64[Tensor, "span batch circuit_head pos"]:
        layers, device = by_layer(heads), self.model.device
        plan = Plan(self.model, self.edits, spans.to(device), read=layers, stop_after=max(layers))
        self._run(ids, plan)
        read = {
            Head(layer, head): plan.received[layer][:, :, i]
            for layer, of_layer in layers.items()
            for i, head in enumerate(of_layer)
        }
        return torch.stack([read[head].to(device) for head in heads], dim=2)

    def outputs(
        self, ids: Int[Tensor, "batch pos"], layers: Sequence[int]
    ) -> dict[int, Float[Tensor, "batch pos head d_head"]]:
        plan = Plan(self.model, self.edits, outputs=layers, stop_after=max(layers))
        self._run(ids, plan)
        return plan.received

    def new_cache(self) -> Any:
        from transformers import DynamicCache

        return DynamicCache(config=self.network.config)

    @torch.no_grad()
    def next_logits(self, ids: Int[Tensor, "row pos"], cache: Any) -> Float[Tensor, "row vocab"]:
        plan = Plan(self.model, self.edits)
        done = self._network(ids, plan, use_cache=True, past_key_values=cache)
        return self.model.finished(self.unembed(done.last_hidden_state[:, -1]))

    @property
    def position_bytes(self) -> int:
        """Every block's input, and the widest layer's tensors."""
        return wide_bytes(self.model)

    @torch.no_grad()
    def _run(self, ids: Tensor, plan: Plan) -> None:
        with contextlib.suppress(_EnoughError):
            self._network(ids, plan, use_cache=False)

    def _network(self, ids: Tensor, plan: Plan, **options: Any) -> Any:
        return self.network.base_model(ids.to(self.model.device), plan=plan, **options)
