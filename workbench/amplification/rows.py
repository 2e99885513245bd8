"""Where a component lies in the checkpoint: the rows of one weight that compute it.

Query, key and value heads are rows of their projections, a neuron is a row of the MLP's
up-projection. Some architectures keep several projections in one weight, or keep it transposed.

    layout = read_layout(network.wrapped, shape)
    layout.rows(kept)["model.layers.2.self_attn.q_proj.weight"]
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Int64
from torch import Tensor

from workbench.amplification.components import KINDS, Components, ModelShape
from workbench.errors import InputError

Start = Callable[[ModelShape, int], int]
"""The first row of component number `i`."""


@dataclass(frozen=True)
class Kept:
    """The weight that holds a kind, by the end of its name; `axis` 1 where it is transposed."""

    ending: str
    start: Start
    axis: int = 0


def _after(n_before: Callable[[ModelShape], int]) -> Start:
    """Head by head behind `n_before` heads."""
    return lambda shape, i: (n_before(shape) + i) * shape.d_head


def _interleaved(part: int) -> Start:
    """GPT-NeoX: query, key and value of a head stand together."""
    return lambda shape, i: (3 * i + part) * shape.d_head


_ALONE = _after(lambda shape: 0)
_BEHIND_Q = _after(lambda shape: shape.n_heads)
_BEHIND_K = _after(lambda shape: shape.n_heads + shape.n_key_value_heads)
LAYOUTS: tuple[Mapping[str, Kept], ...] = (
    {
        "query": Kept("self_attn.q_proj.weight", _ALONE),
        "key": Kept("self_attn.k_proj.weight", _ALONE),
        "value": Kept("self_attn.v_proj.weight", _ALONE),
        "neuron": Kept("mlp.up_proj.weight", lambda shape, i: i),
    },
    {  # Phi-3
        "query": Kept("self_attn.qkv_proj.weight", _ALONE),
        "key": Kept("self_attn.qkv_proj.weight", _BEHIND_Q),
        "value": Kept("self_attn.qkv_proj.weight", _BEHIND_K),
        "neuron": Kept("mlp.gate_up_proj.weight", lambda shape, i: shape.d_mlp + i),
    },
    {  # GPT-2 keeps weights as [in, out]
        "query": Kept("attn.c_attn.weight", _ALONE, axis=1),
        "key": Kept("attn.c_attn.weight", _BEHIND_Q, axis=1),
        "value": Kept("attn.c_attn.weight", _BEHIND_K, axis=1),
        "neuron": Kept("mlp.c_fc.weight", lambda shape, i: i, axis=1),
    },
    {  # GPT-NeoX
        "query": Kept("attention.query_key_value.weight", _interleaved(0)),
        "key": Kept("attention.query_key_value.weight", _interleaved(1)),
        "value": Kept("attention.query_key_value.weight", _interleaved(2)),
        "neuron": Kept("mlp.dense_h_to_4h.weight", lambda shape, i: i),
    },
)


@dataclass(frozen=True)
class Rows:
    """Some rows of a weight, along `axis`."""

    axis: int
    index: Int64[Tensor, " row"]

    def of(self, weight: Tensor) -> Tensor:
        """A copy of these rows."""
        return weight.index_select(self.axis, self.index.to(weight.device))


@dataclass(frozen=True)
class Layout:
    """The weights of a network that hold components: name by kind and layer."""

    shape: ModelShape
    kinds: Mapping[str, Kept]
    names: Mapping[str, tuple[str, ...]]

    def rows(self, chosen: Components) -> dict[str, Rows]:
        """For each weight with a chosen component, the rows of all of them together."""
        found: dict[str, list[int]] = {}
        for kind in KINDS:
            width = 1 if kind == "neuron" else self.shape.d_head
            for layer, index in chosen.of(kind):
                start = self.kinds[kind].start(self.shape, index)
                name = self.names[kind][layer]
                found.setdefault(name, []).extend(range(start, start + width))
        axes = {self.names[kind][0]: self.kinds[kind].axis for kind in KINDS}
        axis = max(axes.values())
        return {name: Rows(axis, torch.tensor(sorted(rows))) for name, rows in found.items()}

    @property
    def every_name(self) -> list[str]:
        return sorted({name for names in self.names.values() for name in names})


def read_layout(network: Any, shape: ModelShape) -> Layout:
    """Find the weights of a Hugging Face network; InputError for an architecture not in LAYOUTS."""
    names = [name for name, _ in network.named_parameters()]
    for kinds in LAYOUTS:
        found = {kind: _by_layer(names, kept.ending) for kind, kept in kinds.items()}
        if all(len(of_kind) == shape.n_layers for of_kind in found.values()):
            return Layout(shape, kinds, found)
    raise InputError(
        f"the weights of {type(network).__name__} are laid out in a way that is not known here",
        expected="projections as in Llama, Qwen, Mistral, Gemma, OLMo, Phi-3, GPT-2 or GPT-NeoX",
        do="choose another model to update; its pivots and its mask can be found all the same",
    )


def _by_layer(names: list[str], ending: str) -> tuple[str, ...]:
    """The names with this ending, in the order of their layers."""
    numbered = {}
    for name in names:
        if name.endswith("." + ending):
            layer = re.search(r"\.(\d+)\.$", name.removesuffix(ending))
            if layer:
                numbered[int(layer[1])] = name
    return tuple(numbered[layer] for layer in sorted(numbered))


def network_shape(network: Any) -> ModelShape:
    """How many components a Hugging Face network has, from its configuration and weights."""
    config = network.config.get_text_config()
    n_heads = int(config.num_attention_heads)
    n_kv = int(getattr(config, "num_key_value_heads", None) or n_heads)
    d_head = int(getattr(config, "head_dim", None) or config.hidden_size // n_heads)
    d_mlp = getattr(config, "intermediate_size", None) or getattr(config, "n_inner", None)
    n_layers = int(config.num_hidden_layers)
    return ModelShape(n_layers, n_heads, n_kv, d_head, int(d_mlp or 4 * config.hidden_size))
