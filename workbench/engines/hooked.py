"""The hooked engine, the reference: TransformerLens with its hook points, any model, any edit.

engine = HookedEngine(model)
means = engine.columns(circuit.heads, ids, spans)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float, Float64, Int
from torch import Tensor

from workbench.engines.base import Move
from workbench.engines.columns import attention_received
from workbench.engines.memory import PATTERNS
from workbench.engines.replay import ReplayEngine
from workbench.models import (
    BlockInputs,
    RowEdits,
    by_layer,
    capture,
    edit_hooks,
    hooks,
    last_logits_only,
    outputs_hook,
    pattern_hook,
    position_logits,
    replay,
    run,
    values_hook,
)
from workbench.types import Head

# Values of one layer's folded patterns. On a CPU larger blocks leave the allocator's reach: every
# pass would ask the system for fresh pages (a quarter of the time, measured).
FOLD_CPU, FOLD_GPU = 2**22, 2**28
# Tensors of a feed-forward layer and of a layer's pattern that are alive at once.
N_WIDE, N_PATTERNS = 3, 4
LONGEST = 2048


class HookedEngine(ReplayEngine):
    """Patterns of every head and layer exist here, one layer at a time."""

    name = "hooked"
    folded = PATTERNS

    def capture(self, ids: Int[Tensor, "batch pos"], layers: Collection[int]) -> BlockInputs:
        return capture(self.model, ids, layers)

    def replay(
        self, inputs: BlockInputs, *, from_layer: int, copies: int
    ) -> Float[Tensor, "copies_batch pos d_model"]:
        return replay(self.model.hooked.blocks, inputs, from_layer=from_layer, copies=copies)

    def replay_moved(
        self, inputs: BlockInputs, *, layer: int, move: Move
    ) -> Float[Tensor, "batch pos d_model"]:
        hooked, kept = self.model.hooked, []

        def keep(values: Tensor, hook: Any) -> None:
            kept.append(values)

        def change(outputs: Tensor, hook: Any) -> Tensor:
            return move(kept.pop(), outputs)

        with hooks(
            self.model, [(values_hook(hooked, layer), keep), (outputs_hook(hooked, layer), change)]
        ):
            return replay(hooked.blocks, inputs, from_layer=layer, grad=True)

    def logits(self, residual: Float[Tensor, "pos d_model"]) -> Float[Tensor, "pos vocab"]:
        return position_logits(self.model, residual)

    @contextmanager
    def editing(self, edits: RowEdits | None) -> Iterator[None]:
        with hooks(self.model, edit_hooks(self.model, edits) if edits else []):
            yield

    def copy_size(self, n_batch: int, n_pos: int) -> tuple[int, int]:
        most = FOLD_CPU if self.model.device.type == "cpu" else FOLD_GPU
        return n_batch * self.model.n_heads * n_pos**2, most

    def read_patterns(
        self,
        ids: Int[Tensor, "batch pos"],
        layers: Collection[int],
        read: Callable[[int, Float[Tensor, "batch head query key"]], None],
    ) -> None:
        """`read(layer, pattern)` for each of `layers`, in one pass that ends with the last."""

        def hook_for(layer: int) -> Any:
            return pattern_hook(layer), lambda pattern, hook: read(layer, pattern)

        with hooks(self.model, [hook_for(layer) for layer in layers]):
            run(self.model, ids, layers=max(layers) + 1)

    def value_sizes(
        self, ids: Int[Tensor, "batch pos"], layer: int
    ) -> Float[Tensor, "batch head pos"]:
        """The length of the value that each head of a layer reads at each key."""
        kept: list[Tensor] = []

        def keep(values: Tensor, hook: Any) -> None:
            # Some networks keep the heads on one axis, and several query heads share a value.
            by_group = values.detach().reshape(*values.shape[:2], -1, self.model.d_head)
            sizes = by_group.float().norm(dim=-1)
            kept.append(sizes.repeat_interleave(self.model.n_heads // sizes.shape[2], dim=2))

        with hooks(self.model, [(values_hook(self.model.hooked, layer), keep)]):
            run(self.model, ids, layers=layer + 1)
        return rearrange(kept[0], "batch pos head -> batch head pos")

    def columns(
        self,
        heads: Sequence[Head],
        ids: Int[Tensor, "batch pos"],
        spans: Int[Tensor, "span batch 2"],
    ) -> Float64[Tensor, "span batch circuit_head pos"]:
        shape = (len(spans), len(ids), len(heads), ids.shape[1])
        received = torch.zeros(shape, dtype=torch.float64)
        layers = by_layer(heads)

        def read(layer: int, pattern: Tensor) -> None:
            places = [i for i, head in enumerate(heads) if head.layer == layer]
            chosen = pattern[:, [heads[i].head for i in places]]
            for out, span in zip(received, spans, strict=True):
                start, end = span.T.to(pattern.device)
                out[:, places] = attention_received(chosen, start, end).cpu()

        self.read_patterns(ids, layers, read)
        return received

    def outputs(
        self, ids: Int[Tensor, "batch pos"], layers: Sequence[int]
    ) -> dict[int, Float[Tensor, "batch pos head d_head"]]:
        kept: dict[int, Tensor] = {}

        def hook_for(layer: int) -> Any:
            def keep(flat: Tensor, hook: Any) -> None:
                if flat.ndim == 3:
                    heads = self.model.n_heads
                    flat = rearrange(flat, "row pos (head d) -> row pos head d", head=heads)
                kept[layer] = flat

            return outputs_hook(self.model.hooked, layer), keep

        with hooks(self.model, [hook_for(layer) for layer in layers]):
            run(self.model, ids, layers=max(layers) + 1)
        return kept

    def new_cache(self) -> Any | None:
        """A cache as the wrapped Hugging Face model takes it; None for a network that wraps none.

        Without one every step reads the whole text again: slow, and the same tokens.
        """
        from transformers import DynamicCache

        config = getattr(self.model.wrapped, "config", None)
        return None if config is None else DynamicCache(config=config)

    @torch.no_grad()
    def next_logits(self, ids: Int[Tensor, "row pos"], cache: Any) -> Float[Tensor, "row vocab"]:
        cached = {"use_cache": True, "past_key_values": cache} if cache is not None else {}
        with last_logits_only(self.model):
            logits = self.model.hooked(ids, **{**self.model.pass_options, **cached})
        return logits[:, -1].float()

    @property
    def position_bytes(self) -> int:
        """Every block's input, the widest layer's tensors, and the patterns of one layer."""
        config = self.model.hooked.cfg
        patterns = N_PATTERNS * self.model.n_heads * min(self.model.n_ctx, LONGEST)
        return wide_bytes(self.model) + patterns * config.dtype.itemsize


def wide_bytes(model: Any) -> int:
    """Every block's input and the widest layer's tensors, for one position."""
    config = model.hooked.cfg
    d_mlp = getattr(config, "d_mlp", None) or 4 * config.d_model
    values = (model.n_layers + 4) * config.d_model + N_WIDE * d_mlp
    return values * config.dtype.itemsize
